"""Where a service is: the addresses of a name, and those that it had last while it cannot be looked up."""

import asyncio
import functools
import socket
from typing import Any

LOOKUP_SECONDS = 2
"""How long a name is looked up before the addresses that it had last are tried."""

type AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
"""What `socket.getaddrinfo` says of one address."""

type Name = tuple[str, int]
"""Host and port."""


class Resolver:
    """Looks a name up once for all who ask meanwhile, and remembers what it found."""

    def __init__(self) -> None:
        self._last: dict[Name, list[AddressInfo]] = {}
        self._lookups: dict[Name, asyncio.Task[list[AddressInfo]]] = {}

    async def addresses(self, host: str, port: int) -> list[AddressInfo]:
        """The addresses that the name has, or had last.

        Raises:
            OSError: it cannot be looked up, and never could.
        """
        name = (host, port)
        # It is not given up: a thread has it, and what it finds at last is good for those who come then.
        lookup = self._lookups.get(name) or self._begin(name)
        if name not in self._last:
            return await asyncio.shield(lookup)
        await asyncio.wait([lookup], timeout=LOOKUP_SECONDS)
        return self._last[name]

    async def close(self) -> None:
        for lookup in self._lookups.values():
            lookup.cancel()

    def _begin(self, name: Name) -> asyncio.Task[list[AddressInfo]]:
        lookup = asyncio.create_task(look_up(*name))
        self._lookups[name] = lookup
        lookup.add_done_callback(functools.partial(self._keep, name))
        return lookup

    def _keep(self, name: Name, lookup: asyncio.Task[list[AddressInfo]]) -> None:
        del self._lookups[name]
        if not lookup.cancelled() and lookup.exception() is None:
            self._last[name] = lookup.result()


async def look_up(host: str, port: int) -> list[AddressInfo]:
    """What the system's resolver says of a name; it may take as long as it likes."""
    loop = asyncio.get_running_loop()
    return list(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG))
