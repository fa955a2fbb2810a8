"""Reads the loss of the user's own program, or why it failed."""

from __future__ import annotations

import re
import signal
from math import nan
from pathlib import Path

from mutransfer_cli.recipe.schema.train import Loss
from mutransfer_cli.train.command.last_match import LIMIT, NOT_FINITE, last_match
from mutransfer_cli.train.command.loss_file import NoLoss, loss_in
from mutransfer_cli.train.command.program_trial import COMMAND, ProgramTrial

LAST_LINES = 5  # of a failed program's output, kept in the study
LAST_CHARACTERS = 600
EXPONENT = re.compile(r"e[+-]?\d", re.IGNORECASE)

FileVersion = tuple[int, ...]


def read_loss(trial: ProgramTrial, before: FileVersion | None) -> float:
    """The loss of a program that exited with 0; NaN or infinite if the program reports that.

    Args:
        trial: The trial that the program trained.
        before: The version of its loss file when the program was started; None: there was none.

    Raises:
        NoLoss: There is none.
    """
    loss, file = trial.program.loss, trial.loss_file
    if file is None:
        return loss.of(_printed_loss(trial.output, loss))
    assert loss.key is not None
    if not file.is_file():
        raise NoLoss(f"no loss: {file} was not written")
    if before is not None and loss_file_version(file) == before:
        raise NoLoss(f"no loss: {file} is from before; the program did not write it")
    return loss.of(loss_in(file, loss.key))


def read_loss_again(trial: ProgramTrial) -> float | None:
    """The loss that a program left on disk when it last ran and exited with 0.

    The folder's `command.json` is written just before a program starts, so a loss file that is
    older was left by an earlier one. None if there is no loss that can be read.

    Args:
        trial: The trial.
    """
    file = trial.output if trial.loss_file is None else trial.loss_file
    try:
        if file.stat().st_mtime_ns < (trial.folder / COMMAND).stat().st_mtime_ns:
            return None
        return read_loss(trial, None)
    except (NoLoss, OSError):
        return None


def loss_file_version(file: Path | None) -> FileVersion | None:
    """A value that changes whenever a file is written; None if there is no file."""
    if file is None or not file.is_file():
        return None
    status = file.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _printed_loss(output: Path, loss: Loss) -> float:
    """The last loss in the output."""
    assert loss.regex is not None
    try:
        last = last_match(loss.regex, output)
    except TimeoutError:
        raise NoLoss(
            f"no loss: matching {loss.regex!r} takes more than {LIMIT:g} s: a repetition inside "
            "another one, as in (a+)+, tries every way to divide a line"
        ) from None
    if last is None:
        raise NoLoss(f"no loss: nothing in the output matches {loss.regex!r}")
    line, start, end = last
    text = line[start:end]
    if NOT_FINITE.search(text):
        return nan
    rest = EXPONENT.match(line, end)
    try:
        if rest and "e" not in text.lower():
            raise ValueError
        return float(text.rstrip(".,"))
    except ValueError:
        number = text + (rest[0] if rest else "")
        raise NoLoss(
            f"no loss: the pattern takes {text!r} of {number!r}, which is not a number; "
            "for any number take ([-+.0-9e]+)"
        ) from None


def _last_lines(output: Path) -> str:
    """The last lines of the output, joined to one."""
    try:
        with output.open("rb") as handle:
            handle.seek(max(0, output.stat().st_size - 16 * LAST_CHARACTERS))
            text = handle.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-LAST_LINES:])[-LAST_CHARACTERS:]


def failure_reason(code: int, output: Path) -> str:
    """Why a program failed: its exit code and the last lines of its output."""
    status = f"exit {code}"
    if code > 128 and code - 128 in {s.value for s in signal.Signals}:
        status += f" ({signal.Signals(code - 128).name})"
    last_lines = _last_lines(output)
    return f"{status}: {last_lines}" if last_lines else f"{status}, and wrote no output"
