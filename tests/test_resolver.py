"""Names that cannot be looked up, or slowly."""

import asyncio
import socket

import pytest

from events_publish import resolver
from events_publish.resolver import AddressInfo, Resolver


class Names:
    """A name service."""

    def __init__(self) -> None:
        self.address: str | None = "10.0.0.1"
        """None: it knows none."""
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked = 0

    async def look_up(self, _: str, port: int) -> list[AddressInfo]:
        self.asked += 1
        await self.answers.wait()
        if self.address is None:
            raise OSError("no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (self.address, port))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()
    monkeypatch.setattr(resolver, "LOOKUP_SECONDS", 0.05)
    monkeypatch.setattr(resolver, "look_up", names.look_up)
    return names


async def address(looking: Resolver) -> str:
    ((*_, (host, _)),) = await looking.addresses("account", 443)
    return str(host)


async def test_a_name_that_cannot_be_looked_up_any_more(names: Names) -> None:
    """… is where it was last, until it can be."""
    looking = Resolver()
    assert await address(looking) == "10.0.0.1"
    names.address = None
    assert await address(looking) == "10.0.0.1"
    names.address = "10.0.0.2"
    names.answers.clear()
    assert [await address(looking) for _ in range(3)] == ["10.0.0.1"] * 3
    assert names.asked == 3, "one that hangs is not asked again and again"
    names.answers.set()
    assert await address(looking) == "10.0.0.2"
    await looking.close()


async def test_a_name_that_is_not_known_yet(names: Names) -> None:
    """… is waited for, and what is found at last is good for those who come then."""
    looking = Resolver()
    names.address = None
    with pytest.raises(OSError, match="no such name"):
        await address(looking)
    names.address = "10.0.0.1"
    names.answers.clear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await address(looking)
    names.answers.set()
    assert await address(looking) == "10.0.0.1"
    assert names.asked == 2
    await looking.close()


async def test_a_name_that_is_there() -> None:
    """Without a stand-in."""
    looking = Resolver()
    found = [address for *_, address in await looking.addresses("localhost", 80)]
    assert {host for host, *_ in found} & {"127.0.0.1", "::1"}
    assert {port for _, port, *_ in found} == {80}
    await looking.close()
