"""Progress on stderr: one live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.cli.terminal.output import show_line
from mutransfer_cli.quoting import rich

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from mutransfer_cli.search.progress import Event

LINE_INTERVAL = 5.0  # seconds between lines where stderr is not a terminal


class Progress:
    """A context manager that shows progress; `update` may be called as often as you like."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.live: Live | None = None
        self.event: Event | None = None
        self.line_time, self.event_time = 0.0, 0.0

    def __enter__(self) -> Progress:
        """Prepare the live table, where stderr is a terminal."""
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            console = Console(stderr=True)
            self.live = Live(
                get_renderable=self.current_table, console=console, refresh_per_second=4
            )
        return self

    def update(self, event: Event) -> None:
        """Show an event: at once on a terminal, else as a line every few seconds."""
        if self.live is not None:
            self.event, self.event_time = event, time.monotonic()
            self.live.start()  # starts a thread, so not before the workers were forked
            self.live.refresh()
        elif event.text and (
            time.monotonic() - self.line_time > LINE_INTERVAL or event.done == event.total
        ):
            self.line_time = time.monotonic()
            left = f", {clock(event.seconds_left)} left" if event.seconds_left else ""
            line = f"{self.title}: {event.done}/{event.total} {event.text}{left}"
            show_line(line, file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        """Print a remark as a line of its own, above the live table."""
        line = f"{self.title}: {text}"
        if self.live is not None and self.live.is_started:
            self.live.console.print(line, markup=False, highlight=False)
        else:
            show_line(line, file=sys.stderr, flush=True)

    def current_table(self) -> Table | str:
        """The live table: the latest event, with its remaining time counted down."""
        if self.event is None:
            return ""
        return table(self.title, self.event, time.monotonic() - self.event_time)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.live is not None:
            self.live.stop()


def table(title: str, event: Event, since: float = 0.0) -> Table:
    """One row per rung; the caption counts running and lost trials and the time left.

    Args:
        title: First word of the table's title, such as `sweep`.
        event: The state to show.
        since: Seconds since the event.
    """
    from rich.table import Table

    axes = [
        axis
        for axis in SIZES
        if axis == "width" or len({getattr(r.size, axis) for r in event.rungs}) > 1
    ]
    names = list(dict.fromkeys(name for r in event.rungs for name in r.params)) or ["lr"]
    counts = [f"{event.running} running"] + [
        f"{n} {word}"
        for word in ("pruned", "diverged", "failed")
        if (n := getattr(event, word)) > 0
    ]
    seconds = (event.seconds_left or 0.0) - since
    left = f", {clock(seconds)} left" if seconds > 0 else ""
    shown = Table(
        title=rich(f"{title}: {event.done} of {event.total} trials"),
        caption=rich(f"{', '.join(counts)}{left}\n{event.text}".rstrip()),
        title_justify="left",
        caption_justify="left",
    )
    for heading in (*axes, "trials", "best loss", *(f"best {n}" for n in names)):
        shown.add_column(rich(heading), justify="right")
    for rung in event.rungs:
        shown.add_row(
            *(str(getattr(rung.size, axis)) for axis in axes),
            f"{rung.done}/{rung.total}",
            "" if rung.loss is None else f"{rung.loss:.4f}",
            *(f"{rung.params[n]:.4g}" if n in rung.params else "" for n in names),
        )
    return shown


def clock(seconds: float) -> str:
    """A duration as a clock shows it: 3:07, or 1:02:33."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
