"""Measurements that anybody can rerun, each beside a baseline of the same run: ``make bench``."""
