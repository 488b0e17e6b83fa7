"""How far it is, on standard error, where somebody looks at it. Imported only then: `rich` takes a while to load."""

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class ProgressBar:
    """A bar, the counts, and the time that is left; without `total`, the time that it has taken.

    `rich` leaves colours out where NO_COLOR is set.
    """

    def __init__(self, total: int | None) -> None:
        self._console = Console(stderr=True)
        time: ProgressColumn = TimeElapsedColumn() if total is None else TimeRemainingColumn(compact=True)
        self._progress = Progress(
            BarColumn(bar_width=None),
            TextColumn("{task.description}"),
            time,
            console=self._console,
            transient=True,
            redirect_stdout=False,  # it may lead elsewhere
            redirect_stderr=False,
            expand=True,
        )
        self._task = self._progress.add_task("", total=total)
        self._progress.start()

    def show(self, completed: int, accepted: int, refused: int) -> None:
        text = f"{accepted:,} accepted" + (f", [red]{refused:,} refused[/]" if refused else "")
        self._progress.update(self._task, completed=completed, description=text)

    def print(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._progress.stop()
