"""What Ctrl-C leaves behind is said in the words of the command that it ended."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mutransfer_cli.cli import main as entry
from mutransfer_cli.documents.probe import ProbeDocument, Series
from mutransfer_cli.errors import InputError, Interrupted
from mutransfer_cli.report.page import serve, write
from tests.helpers.commands import run

SWEEP = "finished trials are kept"


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """An interrupted command ignores signals until it ends."""
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    hook = sys.unraisablehook
    yield
    sys.unraisablehook = hook
    for number, handler in before.items():
        signal.signal(number, handler)


def message(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """What a command that ends with an error prints."""

    def ends(**options: object) -> int:
        raise error

    monkeypatch.setattr(entry, "app", ends)
    with pytest.raises(SystemExit) as caught:
        entry.main()
    assert caught.value.code == 130
    return capsys.readouterr().err


def test_only_a_sweep_keeps_trials(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = message(Interrupted("SIGTERM"), monkeypatch, capsys)
    assert kept == f"mutransfer: interrupted; {SWEEP}; run the same command again to resume\n"
    assert message(KeyboardInterrupt(), monkeypatch, capsys) == "mutransfer: interrupted\n"
    wrapped = RuntimeError("Error calling __set_name__ on 'Field'")  # as in an import, Python 3.11
    wrapped.__cause__ = KeyboardInterrupt()
    assert message(wrapped, monkeypatch, capsys) == "mutransfer: interrupted\n"


def test_a_watched_report_names_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(page: Callable[[], object], every: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "write_report", lambda *arguments, **options: None)
    monkeypatch.setattr(serve, "write_again", interrupted)
    page = tmp_path / "page.html"
    page.write_text('<html lang="en" data-refresh="30">')
    arguments = ["mutransfer", "report", "run", "-o", str(page), "--watch", "--port", "0"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as caught:
        entry.main()
    assert caught.value.code == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"mutransfer: interrupted; {page} is the page as it was written last"
    assert page.read_text() == '<html lang="en">'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("swallowed", [False, True])
def test_probes_that_ended_are_kept(
    number: signal.Signals,
    swallowed: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The third is interrupted, in code that may make an error of its own of it."""
    started: list[str] = []

    def measured(name: str, *arguments: object, **options: object) -> ProbeDocument:
        started.append(name)
        if len(started) == 3:
            try:
                os.kill(os.getpid(), number)
            except Interrupted:
                if not swallowed:
                    raise
                raise InputError("step 1: Interrupted") from None
        curve = Series(name="a", panel="b", x_name="c", y_name="d", x=(1, 2), y=(1, 2))
        return ProbeDocument(
            probe=name, question="?", subject="r", verdict="pass", reason="so", advice=None,
            values={}, expected={}, measures=(), series=(curve,), method="m", confidence=0.95,
            seconds=1, notes=(),
        )  # fmt: skip

    monkeypatch.setattr("mutransfer_cli.probes.probe_run.run_probe", measured)
    plot = tmp_path / "p.png"
    assert run("probe", "all", "r.yaml", "--json", "--plot", plot) == 130
    printed = capsys.readouterr()
    assert len(started) == 3 and plot.exists()
    assert [d["probe"] for d in json.loads(printed.out)["results"]] == started[:2]
    last = printed.err.splitlines()[-1]
    assert last.startswith("mutransfer: interrupted; 2 of 11 probes had ended, and are shown")
