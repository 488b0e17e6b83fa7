"""Clocks that do not wait: one that tests move by hand, one that leaps."""

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


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Whose clock leaps to what comes next, instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        select = self._selector.select  # type: ignore[attr-defined]

        def leap(timeout: float | None = None) -> object:
            ready = select(0)
            if not ready and timeout:
                self._now += timeout
            return ready

        self._selector.select = leap  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._now
