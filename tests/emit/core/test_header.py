"""The head of every file: what to do comes first, then what differs, then where it is from."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.catalog.stacks import STACKS
from mutransfer_cli.emit.scale import EmitResult, scale
from mutransfer_cli.errors import InputError
from tests.helpers.emit_recipes import CASES, emit_recipe


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
