"""Where storage is: the addresses of a name, and those that it had last while it cannot be looked up."""

import asyncio
import functools
import socket

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

LOOKUP_SECONDS = 2
"""How long a name is looked up before the addresses that it had last are tried."""

type Name = tuple[str, int, socket.AddressFamily]
"""Host, port and family of an address."""


class Resolver(AbstractResolver):
    """Looks a name up once for all who ask meanwhile, and remembers what it found."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()
        self._last: dict[Name, list[ResolveResult]] = {}
        self._lookups: dict[Name, asyncio.Task[list[ResolveResult]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses that the name has, or had last.

        Raises:
            OSError: it cannot be looked up, and never could.
        """
        name = (host, port, family)
        # It is not given up: a thread has it, and what it finds at last is good for those who come then.
        lookup = self._lookups.get(name) or self._begin(name)
        if name not in self._last:
            return await asyncio.shield(lookup)
        await asyncio.wait([lookup], timeout=LOOKUP_SECONDS)
        return self._last[name]

    async def close(self) -> None:
        for lookup in self._lookups.values():
            lookup.cancel()
        await self._resolver.close()

    def _begin(self, name: Name) -> asyncio.Task[list[ResolveResult]]:
        lookup = asyncio.create_task(self._resolver.resolve(*name))
        self._lookups[name] = lookup
        lookup.add_done_callback(functools.partial(self._keep, name))
        return lookup

    def _keep(self, name: Name, lookup: asyncio.Task[list[ResolveResult]]) -> None:
        del self._lookups[name]
        if not lookup.cancelled() and lookup.exception() is None:
            self._last[name] = lookup.result()
