"""How far a recipe travels: few modules see the object between its reading and a trial's end."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.sweep import sweep
from tests.helpers.source import PACKAGE, name_of

RECIPE = """\
name: flow
model: {build: mlp}
data: {source: teacher, d_in: 8, d_out: 2}
base: {width: 16, depth: 1, batch: 8, steps: 3}
search: {space: {lr: {choice: [0.01]}}, seeds: 1}
"""


def test_few_modules_see_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    loaded = load(tmp_path / "recipe.yaml")
    log = tmp_path / "seen"
    seen: set[str] = set()

    def look(frame: FrameType, event: str, argument: Any) -> None:
        file = frame.f_code.co_filename
        if event not in ("call", "return") or file in seen or not file.startswith(str(PACKAGE)):
            return
        if any(isinstance(value, Recipe) for value in frame.f_locals.values()):
            seen.add(file)
            with log.open("a") as handle:  # workers are forked: they add to the same file
                handle.write(f"{file}\n")

    sys.setprofile(look)
    try:
        document = sweep(loaded, tmp_path / "run", workers=1)
    finally:
        sys.setprofile(None)
    assert document.trials.finished == 1
    modules = {name_of(Path(line)) for line in log.read_text().splitlines()}
    # its own room and the schema aside: properties of the recipe itself
    outside = {m for m in modules if not m.startswith("mutransfer_cli.recipe.")}
    assert len(outside) <= 12, sorted(outside)
