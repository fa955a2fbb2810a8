"""What Ctrl-C leaves behind is said in the words of the command that it ended."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mutransfer_cli.cli import main as entry
from mutransfer_cli.errors import Interrupted
from mutransfer_cli.report.page import serve, write

SWEEP = "finished trials are kept"


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
