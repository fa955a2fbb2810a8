"""A pattern is matched in the last line that it fits, and never without end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mutransfer_cli.recipe.schema.train import Loss
from mutransfer_cli.train.command import program_output
from mutransfer_cli.train.command.last_match import last_match, search
from mutransfer_cli.train.command.loss_file import NoLoss

BACKTRACKING = "(a+)+$x"  # 2^n ways to divide n letters


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("loss 1.5\nloss 2.5 at the end\nno more\n", ("loss 2.5 at the end", 5, 8)),
        ("loss 1.5\nloss nan\n", ("loss nan", 5, 8)),
        ("step\rloss 1.5\rloss 2.5", ("loss 2.5", 5, 8)),
        ("é \u2028 \x00 loss 1.5\n", ("é \u2028 \x00 loss 1.5", 11, 14)),
        ("nothing\n", None),
        ("", None),
    ],
)
def test_the_last_match(tmp_path: Path, text: str, expected: object) -> None:
    output = tmp_path / "output.txt"
    output.write_text(text, encoding="utf-8", newline="")
    assert last_match("loss ([0-9.]+)", output) == search("loss ([0-9.]+)", output) == expected


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    output = tmp_path / "output.txt"
    output.write_bytes(b"\xff\xfe loss 1.5\n")
    assert last_match("loss ([0-9.]+)", output) == ("\ufffd\ufffd loss 1.5", 8, 11)


def test_a_pattern_that_backtracks_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "output.txt"
    output.write_text("a" * 60 + "\n")
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        last_match(BACKTRACKING, output, limit=1.0)
    assert time.monotonic() - started < 30

    def late(pattern: str, path: Path) -> object:
        raise TimeoutError

    monkeypatch.setattr(program_output, "last_match", late)
    with pytest.raises(NoLoss, match=r"a repetition inside another one"):
        program_output._printed_loss(output, Loss(regex=BACKTRACKING))
