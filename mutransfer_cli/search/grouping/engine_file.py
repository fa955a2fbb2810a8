"""The choices of an engine in the run directory: engine.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mutransfer_cli.documents.sweep import RungEngine, Way
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import write_text
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.engine.choose import EngineChoice
from mutransfer_cli.train.engine.timing import Timing

FILE = "engine.json"
STORED = TypeAdapter(tuple[RungEngine, ...])


def told(size: Size, choice: EngineChoice, largest: int, device: str) -> RungEngine:
    """largest: trials in a population."""
    return RungEngine(
        width=size.width,
        depth=size.depth,
        batch=size.batch,
        steps=size.steps,
        size=largest,
        way=choice.step_mode,
        why=choice.why,
        device=device,
        settled=choice.settled,
        measured=tuple(
            Way(size=t.size, seconds=t.seconds, bytes=t.bytes, way=t.step_mode)
            for t in choice.timings
        ),
    )


def keep(path: Path, choices: Mapping[Size, EngineChoice], device: str) -> None:
    stored = tuple(told(size, choice, choice.most, device) for size, choice in choices.items())
    write_text(path, STORED.dump_json(stored, indent=2).decode() + "\n")


def read(path: Path, device: str) -> dict[Size, EngineChoice]:
    """The choices of a run, as they were made; those of another device do not hold.

    What a file of an earlier version does not say was settled, on whatever device.
    """
    try:
        stored = STORED.validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: {wrong(error)}; delete it, and the engine is chosen again"
        ) from error
    return {
        Size(r.width, r.depth, r.batch, r.steps): EngineChoice(
            tuple(Timing(w.size, w.seconds, w.bytes, w.way) for w in r.measured),
            r.size,
            r.why,
            r.settled,
            r.way,
        )
        for r in stored
        if r.device in (None, device)
    }


def wrong(error: Exception) -> str:
    """What is wrong with a file, in plain words."""
    if not isinstance(error, ValidationError):
        return f"cannot be read: {error}"
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return f"is no JSON: {first['ctx']['error']}"
    rung, *field = first["loc"] or ("",)
    if not isinstance(rung, int):
        return "is no list of the rungs' engines"
    where = f"rung {rung + 1}" + (f", {'.'.join(map(str, field))}" if field else "")
    return f"{where}: {first['msg'][0].lower()}{first['msg'][1:]}"
