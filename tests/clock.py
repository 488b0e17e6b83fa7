"""A clock that tests move by hand."""

import asyncio


class Clock:
    """Takes the place of `time` in a module."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    async def pass_by(self, seconds: float) -> None:
        """And let what runs behind requests come to its end."""
        self.now += seconds
        for _ in range(10):
            await asyncio.sleep(0)
