"""The head of every file: what to do comes first, then what differs, then where it is from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mutransfer_cli.catalog.stacks import STACKS
from mutransfer_cli.emit.scale import EmitResult, scale
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builder import build
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.size import Size
from tests.helpers.emit_recipes import CASES, emit_recipe, small_recipe


def emitted(folder: Path, format: str) -> EmitResult:
    for case in ("llama", "gpt-tied", "gpt"):
        try:
            width = 256 if "model" in CASES[case] else 64
            return scale(emit_recipe(folder, case), width=width, format=format)
        except InputError:
            continue
    raise AssertionError(f"no recipe for {format}")


@pytest.mark.parametrize("format", [row.name for row in STACKS if not row.is_document])
def test_the_head_says_what_to_do_first(tmp_path: Path, format: str) -> None:
    found = emitted(tmp_path, format)
    lines = [x[2:] for x in found.text().splitlines() if x.startswith("# ")]
    head = "\n".join(lines)
    order = [head.index("Put this file"), head.index("Fill in")]
    differs = "What differs from the plan" if found.document.deviations else "it trains as planned"
    order += [head.index(differs), head.index("Where the numbers come from")]
    assert max(order[:2]) < order[2] < order[3]
    for d in found.document.deviations:
        assert order[2] < head.index(f"deviation: {d.what}:") < order[3]


def test_the_head_quotes_what_is_set(tmp_path: Path) -> None:
    """Muon's momentum is its own, not the 0.0 of SGD's key; a decay of 0 is a choice."""
    path = small_recipe(tmp_path, decay="0.0")
    text = scale(path, sets=["optimizer.name=muon"], width=32, format="torch").text()
    line = next(x for x in text.splitlines() if "At the base: " in x)
    assert "name muon, lr 0.01" in line and "weight_decay 0.0" in line
    assert not any(word in line for word in ("None", "False", "momentum", "z_loss"))


def test_the_document_says_how_to_use_it(tmp_path: Path) -> None:
    """Its lines of code run as they are, with the file's name filled in."""
    recipe = small_recipe(tmp_path)
    found = scale(recipe, width=32, format="json")
    (path,) = found.write(tmp_path / "plan.json")
    usage = json.loads(path.read_text())["usage"]
    assert usage[0].startswith("Put this file") and usage[-1].startswith("Fill in")
    lines = [line.replace("THIS_FILE", str(path)) for line in usage]
    code = [x for x in lines if x.startswith(("from ", "plan.", "optimizers = "))]
    model = build(load(recipe).recipe, Size(32, 1, 4, 10)).model
    names: dict[str, Any] = {"model": model}
    exec("\n".join(code), names)
    (optimizer,) = names["optimizers"]
    planned = {t.name: t.lr for t in found.document.tensors}
    assert sum(len(g["params"]) for g in optimizer.param_groups) == len(planned)
    assert {g["lr"] for g in optimizer.param_groups} == set(planned.values())
    assert scale(recipe, width=32, format="torch").document.usage == ()
