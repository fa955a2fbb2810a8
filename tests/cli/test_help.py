"""The help of every command is one screen of 80 columns and 40 lines, with an example."""

from __future__ import annotations

import re

import pytest

from mutransfer_cli.catalog.commands import COMMANDS
from tests.helpers.commands import run

COLUMNS, LINES = 80, 40


@pytest.mark.parametrize("command", ["", *COMMANDS.names])
def test_help_is_one_screen_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.setenv("TERMINAL_WIDTH", str(COLUMNS))
    assert run(*command.split(), "--help") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= COLUMNS
    assert re.search(rf"^  Example: mutransfer {command}", "\n".join(lines), flags=re.M)
