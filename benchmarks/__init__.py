"""Measurements that anybody can rerun, each beside a baseline of the same run: ``make bench``.

The parts: `throughput` (with the stand-in and with Azurite), `sizes` (of events and batches), `long_run`, `stages`,
`floor`, `starts`, `hanging_issuer`. What they share: `systems` and their folders, `stack` (a queue, an issuer, a token),
`stand_in` (a queue that acknowledges at once), `load`, `vitals`, `effort`, `table`, `chart` and `plot`. On their own:
`scale`, a simulation, and `soak`.
"""
