"""A trial that the user's own program trains: its folder, its words, the loss that it leaves."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from math import inf, nan
from pathlib import Path
from typing import Any

from mutransfer_cli.catalog.axes import SIZES
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import override
from mutransfer_cli.recipe.placeholders import (
    as_argument,
    fill_placeholders,
    hyperparameter_arguments,
    placeholders_in,
    split_command,
)
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema.train import Loss, Train
from mutransfer_cli.recipe.size import Size

PLAN, OUTPUT, COMMAND = "plan.json", "output.txt", "command.json"
LAST_LINES = 5  # of a failed program's output, kept in the study
LAST_CHARACTERS = 600
NOT_FINITE = re.compile(r"\b(nan|inf|infinity)\b", re.IGNORECASE)
EXPONENT = re.compile(r"e[+-]?\d", re.IGNORECASE)


class NoLoss(Exception):
    """The program left no loss that can be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Call:
    """One trial, ready to be started. Its folder is absolute."""

    train: Train
    folder: Path
    values: dict[str, str]  # of every placeholder

    @property
    def words(self) -> list[str]:
        """Program and arguments; a value never becomes two words."""
        return [fill_placeholders(word, self.values) for word in split_command(self.train.command)]

    @property
    def output(self) -> Path:
        """What the program printed, stdout and stderr in one."""
        return self.folder / OUTPUT

    @property
    def loss_file(self) -> Path | None:
        """Where the program writes its loss; None where it prints it."""
        file = self.train.loss.file
        return None if file is None else self.folder / fill_placeholders(file, self.values)


def folder_name(size: Size, seed: int, params: dict[str, float]) -> str:
    """A trial's folder: readable, and its own to the last digit of the setting."""
    setting = "-".join(f"{name}{value:.4g}" for name, value in params.items())
    digest = blake2b(repr((size, seed, sorted(params.items()))).encode(), digest_size=4).hexdigest()
    name = f"width{size.width}-seed{seed}-{setting}"[:100].replace("/", "_")
    return f"{name}-{digest}"


def call_of(
    recipe: Recipe, size: Size, seed: int, params: dict[str, float], root: Path, device: str
) -> Call:
    """Write the plan of a trial into its folder below `root`; what was left there stays.

    Raises InputError where there is no plan, or the folder cannot be written.
    """
    assert recipe.train is not None
    chosen = override(recipe, params)
    folder = root.resolve() / folder_name(size, seed, params)
    values = hyperparameter_arguments(chosen) | {
        "plan": str(folder / PLAN),
        "out": str(folder),
        "python": sys.executable,
        "device": device,
        "seed": str(seed),
        **{axis: str(getattr(size, axis)) for axis in SIZES},
    }
    values |= {name: as_argument(value) for name, value in params.items()}
    call = Call(recipe.train, folder, values)
    ProxyFactory(chosen).plan(size).save(folder / PLAN)
    try:
        (folder / COMMAND).write_text(json.dumps(call.words, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from error
    return call


def require_program(train: Train) -> None:
    """Raises InputError, in one line, where the command's program does not exist."""
    word = split_command(train.command)[0].replace("{python}", sys.executable)
    if placeholders_in(word):
        return
    if shutil.which(word) is None:
        hint = "; {python} is the Python that runs mutransfer" if "python" in word else ""
        raise InputError(
            f"{word}: no such program on the PATH, or not executable{hint}",
            path=("train", "command"),
        )


def read_loss(call: Call, before: tuple[int, ...] | None) -> float:
    """The loss of a program that has ended well; NaN or infinite where it says so.

    before: `stamp` of its loss file when the program was started.

    Raises NoLoss where there is none.
    """
    loss, file = call.train.loss, call.loss_file
    if file is None:
        return printed(call.output, loss)
    assert loss.key is not None
    if not file.is_file():
        raise NoLoss(f"no loss: {file} was not written")
    if stamp(file) == before:
        raise NoLoss(f"no loss: {file} is from before; the program did not write it")
    try:
        values: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NoLoss(f"no loss: {file} is no JSON: {error}") from error
    return number(values, loss.key, file)


def stamp(file: Path | None) -> tuple[int, ...] | None:
    """What changes when a file is written; None where there is none."""
    if file is None or not file.is_file():
        return None
    found = file.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def number(values: Any, key: str, file: Path) -> float:
    """The number under a key: as it is written, else each part one level deeper."""
    found = values
    for part in [key] if isinstance(values, dict) and key in values else key.split("."):
        if not isinstance(found, dict) or part not in found:
            known = ", ".join(map(str, found)) if isinstance(found, dict) else "no keys"
            raise NoLoss(f"no loss: {file} has no {key} (found: {known})")
        found = found[part]
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise NoLoss(f"no loss: {key} in {file} is {json.dumps(found)[:40]}, expected a number")
    try:
        return float(found)
    except OverflowError:
        return inf


def printed(output: Path, loss: Loss) -> float:
    """The last loss in the output.

    A pattern of digits does not see `nan`: lines are matched with digits in its place, so that the
    loss before it is not taken for the last.
    """
    assert loss.regex is not None
    pattern, last = re.compile(loss.regex), None
    for line in lines_of(output):
        seen = NOT_FINITE.sub(lambda found: "0" * len(found[0]), line)
        matches = list(pattern.finditer(seen)) or list(pattern.finditer(line))
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
        whole = text + (rest[0] if rest else "")
        raise NoLoss(
            f"no loss: the pattern takes {text!r} of {whole!r}, which is no number; "
            "for any number take ([-+.0-9e]+)"
        ) from None


def lines_of(output: Path) -> Iterator[str]:
    """Lines of the output; a carriage return ends one too, as progress bars write them."""
    with output.open(encoding="utf-8", errors="replace") as handle:
        for line in handle:
            yield line.rstrip("\n")


def tail(output: Path) -> str:
    """The last lines of the output, in one."""
    try:
        with output.open("rb") as handle:
            handle.seek(max(0, output.stat().st_size - 16 * LAST_CHARACTERS))
            text = handle.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-LAST_LINES:])[-LAST_CHARACTERS:]


def failure(code: int, output: Path) -> str:
    """Why a program that ended badly did, with its last lines."""
    how = f"exit {code}"
    if code > 128 and code - 128 in {s.value for s in signal.Signals}:
        how += f" ({signal.Signals(code - 128).name})"
    said = tail(output)
    return f"{how}: {said}" if said else f"{how}, without a word"
