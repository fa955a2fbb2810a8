"""Runs one side of a page, and keeps what is needed to show it."""

from __future__ import annotations

import csv
import json
import math
import os
import platform
import subprocess
import sys
from pathlib import Path

from pydantic import Field

from mutransfer_cli.documents.base import Part
from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.recipe.load import load
from tests.gallery.entries import GALLERY, ROOT, Entry, Side

RUNS = Path("runs/gallery")
TABLES = Path("tests/data/ladders")
PNG_COLORS = 48
PNG_WIDTH = 800  # pixels


class Record(Part):
    """One run: how it was made, and its fit."""

    date: str = Field(description="UTC day on which it was trained")
    device: str
    versions: dict[str, str] = Field(description="of what trained it; empty where unknown")
    commands: tuple[str, ...]
    trials: int
    diverged: int
    seconds: float | None = Field(description="of the sweep, wall-clock; null: not recorded")
    flops: float | None
    fit: FitDocument


def record_path(entry: Entry, side: Side) -> Path:
    """Where its record is kept; the plot lies beside it."""
    return GALLERY / entry.name / f"{side.name}.json"


def make(entry: Entry, side: Side, workers: int) -> None:
    """Train, fit and record one side; what is trained already is not trained again."""
    path = record_path(entry, side)
    path.parent.mkdir(parents=True, exist_ok=True)
    record = swept(entry, side, workers) if side.ladder is None else tabled(entry, side)
    path.write_text(record.model_dump_json(by_alias=True) + "\n")


def swept(entry: Entry, side: Side, workers: int) -> Record:
    """A side that is swept into a run directory."""
    run = str(RUNS / f"{entry.name}-{side.name}")
    written = [side.data] if side.data else []
    for line in written:
        subprocess.run(["sh", "-c", line], cwd=ROOT, env=with_this_python(), check=True)
    sets = [text for pair in side.sets for text in ("--set", pair)]
    sweep = ["sweep", f"recipes/{side.recipe}.yaml", *sets, "--run", run]
    result = json.loads(printed(["mutransfer", *sweep, "--workers", str(workers), "--json"]))
    environment = json.loads((ROOT / run / "environment.json").read_text())
    return Record(
        date=environment["started"][:10],
        device=device(result["device"], workers),
        versions={"mutransfer": environment["mutransfer"], **environment["versions"]},
        commands=(*written, command(["mutransfer", *sweep]), command(["mutransfer", "fit", run])),
        trials=result["trials"]["finished"],
        diverged=result["trials"]["diverged"],
        seconds=result["seconds"],
        flops=result["flops"],
        fit=fitted(entry, side, ["mutransfer", "fit", run]),
    )


def tabled(entry: Entry, side: Side) -> Record:
    """A side whose trials are a table of the benchmarks."""
    table = TABLES / f"{side.ladder}.csv"
    train = ["python", "-m", "tests.benchmarks.ladders", str(side.ladder)]
    on_gpu = str(side.ladder).endswith("-wide")
    if not (ROOT / table).exists():
        printed([*train, *(["cuda"] if on_gpu else [])])
    recipe = load(ROOT / "recipes" / f"{side.recipe}.yaml", list(side.sets)).recipe
    columns = [f"{name}={name}" for name in recipe.search.space]
    # Settings that fill a box differ in every hyperparameter at once: the columns are named.
    named = ["--columns", ",".join(columns)] if len(columns) > 1 else []
    fit = ["mutransfer", "fit", str(table), *named]
    with (ROOT / table).open(newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    diverged = sum(not math.isfinite(loss) for loss in losses)
    day = printed(["git", "log", "-1", "--format=%cs", "--", str(table)]).strip()
    return Record(
        date=day,
        device="one NVIDIA H100" if on_gpu else device("cpu", 1),
        versions={},
        commands=(command([*train, *(["cuda"] if on_gpu else [])]), command(fit)),
        trials=len(losses) - diverged,
        diverged=diverged,
        seconds=None,
        flops=None,
        fit=fitted(entry, side, fit),
    )


def fitted(entry: Entry, side: Side, fit: list[str]) -> FitDocument:
    """The fit of a run or a table, whose plot is kept beside the record."""
    plot = record_path(entry, side).with_suffix(".png")
    scratch = ROOT / RUNS / "fit.json"  # the answer is in the record; no file beside a table
    scratch.parent.mkdir(parents=True, exist_ok=True)
    document = printed([*fit, "-o", str(scratch), "--plot", str(plot), "--json"], (0, 1, 3))
    shrink(plot)
    return FitDocument.model_validate_json(document)


def printed(line: list[str], accepted: tuple[int, ...] = (0,)) -> str:
    """What a command prints.

    Raises:
        RuntimeError: It ends with an exit code that is not accepted.
    """
    programs = {"mutransfer": [sys.executable, "-m", "mutransfer_cli"], "python": [sys.executable]}
    started = [*programs.get(line[0], [line[0]]), *line[1:]]
    result = subprocess.run(started, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode not in accepted:
        raise RuntimeError(f"{command(line)}: exit code {result.returncode}: {result.stderr}")
    return result.stdout


def with_this_python() -> dict[str, str]:
    """The environment in which a shell's `python` is this one."""
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    return {**os.environ, "PATH": os.pathsep.join(folders)}


def command(line: list[str]) -> str:
    """A command line as a shell takes it."""
    return " ".join(f"'{word}'" if set(word) & set("[]{} ") else word for word in line)


def device(name: str, workers: int) -> str:
    """A device in words."""
    if name != "cpu":
        return name
    return f"{workers} core{'s' * (workers > 1)} ({platform.machine()})"


def shrink(plot: Path) -> None:
    """A PNG of half the size and few colors, which a plot of lines does not miss."""
    from PIL import Image

    with Image.open(plot) as image:
        size = (PNG_WIDTH, round(image.height * PNG_WIDTH / image.width))
        small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    # by coverage: the median cut merges the colors of markers, which have few pixels
    small = small.quantize(PNG_COLORS, Image.Quantize.MAXCOVERAGE)
    small.save(plot, optimize=True)
