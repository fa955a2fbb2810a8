"""Reads and writes `engine.json`, the engine's choices in a run directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.documents.sweep import MeasuredEngine, RungEngine
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import write_text
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.engine.choose import EngineChoice
from mutransfer_cli.train.engine.timing import Timing

FILE = "engine.json"
RUNG_ENGINES = TypeAdapter(tuple[RungEngine, ...])


def rung_engine(size: Size, choice: EngineChoice, largest: int, device: str) -> RungEngine:
    """The document part that describes a choice.

    Args:
        size: The rung.
        choice: How it is trained.
        largest: Trials in a population, at most.
        device: The device that the choice was measured on.
    """
    return RungEngine(
        **size.as_dict(),
        size=largest,
        way=choice.step_mode,
        why=choice.why,
        device=device,
        settled=choice.settled,
        measured=tuple(
            MeasuredEngine(size=t.size, seconds=t.seconds, bytes=t.bytes, way=t.step_mode)
            for t in choice.timings
        ),
    )


def write_choices(path: Path, choices: Mapping[Size, EngineChoice], device: str) -> None:
    """Write the choices of a run that were made on a device."""
    stored = tuple(
        rung_engine(size, choice, choice.most, device) for size, choice in choices.items()
    )
    write_text(path, RUNG_ENGINES.dump_json(stored, indent=2).decode() + "\n")


def read_choices(path: Path, device: str) -> dict[Size, EngineChoice]:
    """Read the choices of a run that were made on this device.

    Choices without `settled` or `device` are of an earlier version and hold on every device.

    Raises:
        InputError: The file is damaged.
    """
    try:
        stored = RUNG_ENGINES.validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: {describe(error)}; delete it, and the engine is chosen again"
        ) from error
    return {
        Size(**{name: getattr(r, name) for name in SIZES}): EngineChoice(
            tuple(Timing(w.size, w.seconds, w.bytes, w.way) for w in r.measured),
            r.size,
            r.why,
            r.settled,
            r.way,
        )
        for r in stored
        if r.device in (None, device)
    }


def describe(error: Exception) -> str:
    """What is wrong with a file."""
    if not isinstance(error, ValidationError):
        return f"cannot be read: {error}"
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return f"is not JSON: {first['ctx']['error']}"
    rung, *field = first["loc"] or ("",)
    if not isinstance(rung, int):
        return f"is not a valid {FILE}"
    where = f"rung {rung + 1}" + (f", {'.'.join(map(str, field))}" if field else "")
    return f"{where}: {first['msg'][0].lower()}{first['msg'][1:]}"
