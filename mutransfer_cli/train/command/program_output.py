"""Reads the loss of the user's own program, or why it failed."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from math import inf, nan
from pathlib import Path
from typing import Any

from mutransfer_cli.recipe.schema.train import Loss
from mutransfer_cli.train.command.program_trial import ProgramTrial

LAST_LINES = 5  # of a failed program's output, kept in the study
LAST_CHARACTERS = 600
NOT_FINITE = re.compile(r"\b(nan|inf|infinity)\b", re.IGNORECASE)
EXPONENT = re.compile(r"e[+-]?\d", re.IGNORECASE)

FileVersion = tuple[int, ...]


class NoLoss(Exception):
    """The program left no loss that can be read; the message says why."""


def read_loss(trial: ProgramTrial, before: FileVersion | None) -> float:
    """The loss of a program that exited with 0; NaN or infinite if the program reports that.

    Args:
        trial: The trial that the program trained.
        before: The version of its loss file when the program was started.

    Raises:
        NoLoss: There is none.
    """
    loss, file = trial.train.loss, trial.loss_file
    if file is None:
        return _printed_loss(trial.output, loss)
    assert loss.key is not None
    if not file.is_file():
        raise NoLoss(f"no loss: {file} was not written")
    if loss_file_version(file) == before:
        raise NoLoss(f"no loss: {file} is from before; the program did not write it")
    try:
        values: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NoLoss(f"no loss: {file} is not JSON: {error}") from error
    return _number(values, loss.key, file)


def loss_file_version(file: Path | None) -> FileVersion | None:
    """A value that changes whenever a file is written; None if there is no file."""
    if file is None or not file.is_file():
        return None
    status = file.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _number(values: Any, key: str, file: Path) -> float:
    """The number under a key, which is looked up as it is, else as a dotted path."""
    value = values
    for part in [key] if isinstance(values, dict) and key in values else key.split("."):
        if not isinstance(value, dict) or part not in value:
            known = ", ".join(map(str, value)) if isinstance(value, dict) else "no keys"
            raise NoLoss(f"no loss: {file} has no {key} (found: {known})")
        value = value[part]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NoLoss(f"no loss: {key} in {file} is {json.dumps(value)[:40]}, expected a number")
    try:
        return float(value)
    except OverflowError:
        return inf


def _printed_loss(output: Path, loss: Loss) -> float:
    """The last loss in the output.

    A pattern of digits does not match `nan`. Therefore zeros stand for it while lines are matched,
    so that the loss before it is not taken for the last.
    """
    assert loss.regex is not None
    pattern, last = re.compile(loss.regex), None
    for line in _lines(output):
        substituted = NOT_FINITE.sub(lambda match: "0" * len(match[0]), line)
        matches = list(pattern.finditer(substituted)) or list(pattern.finditer(line))
        if matches:
            last = line, matches[-1].span(1)
    if last is None:
        raise NoLoss(f"no loss: nothing in the output matches {loss.regex!r}")
    line, (start, end) = last
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


def _lines(output: Path) -> Iterator[str]:
    """Lines of the output; a carriage return ends one too, as progress bars write them."""
    with output.open(encoding="utf-8", errors="replace") as handle:
        for line in handle:
            yield line.rstrip("\n")


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
