"""What a sweep shows while it runs."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mutransfer_cli.cli.terminal.progress_display import Progress, clock, table
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.progress import event
from mutransfer_cli.search.record import Record

SIZES = [Size(8, 1, 4, 12), Size(16, 1, 4, 12)]
RECORDS = [
    Record({"lr": 0.25}, 8, 1, 4, 12, 0, "finished", 0.75),
    Record({"lr": 0.5}, 8, 1, 4, 12, 0, "finished", 0.5),
    Record({"lr": 1.0}, 8, 1, 4, 12, 0, "diverged", None),
]
LEFT = [Job(SIZES[1], 0, (("lr", 0.25),)), Job(SIZES[1], 0, (("lr", 0.5),))]


def test_the_table_has_a_line_a_rung() -> None:
    now = event(SIZES, RECORDS, LEFT, "width 8: diverged", running=2, seconds_left=187.2)
    out = io.StringIO()
    Console(file=out, width=100).print(table("sweep", now))
    text = out.getvalue()
    lines = [line.replace("│", " ").split() for line in text.splitlines()]
    assert "sweep: 3 of 5 trials" in text
    assert ["8", "3/3", "0.5000", "0.5"] in lines
    assert ["16", "0/2"] in lines
    assert "2 running, 1 diverged, 3:07 left" in text
    assert "pruned" not in text and "depth" not in text
    assert "width 8: diverged" in text


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("sweep") as progress:
        for text in ("", "first", "too soon"):
            progress.update(event(SIZES, RECORDS, LEFT, text, 0, 61.0))
        progress.update(event(SIZES, RECORDS, [], "last", 0, None))
    assert capsys.readouterr().err == "sweep: 3/5 first, 1:01 left\nsweep: 3/3 last\n"


@pytest.mark.parametrize("text", ["exit 1: [/red] [bold", "\x1b[2J\x1b]0;x\x07", "::error::x"])
def test_what_a_program_prints_neither_ends_a_sweep_nor_moves_the_cursor(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = io.StringIO()
    Console(file=out, width=100).print(table("sweep", event(SIZES, RECORDS, LEFT, text, 1, None)))
    assert "\x1b" not in out.getvalue() and ("[/red]" in text) == ("[/red]" in out.getvalue())
    with Progress("sweep") as progress:
        progress.update(event(SIZES, RECORDS, [], text, 0, None))
    err = capsys.readouterr().err
    assert "\x1b" not in err and err.startswith("sweep: 3/3 ")


def test_the_time_left_runs_down_between_events() -> None:
    now = event(SIZES, RECORDS, LEFT, "", running=2, seconds_left=187.2)
    for since, caption in ((0.0, ", 3:07 left"), (127.2, ", 1:00 left"), (200.0, "")):
        assert str(table("sweep", now, since).caption) == f"2 running, 1 diverged{caption}"
    assert clock(3753) == "1:02:33"
