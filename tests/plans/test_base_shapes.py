"""Base shapes: written, read and compared; the mup package itself is in tests/conformance."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.base_shapes import (
    base_shape_differences,
    base_shapes,
    read_base_shapes,
    write_base_shapes,
)
from tests.helpers.planned_net import BASE, CLASSES, INPUTS, net_plan

SHAPES = {
    "first.weight": (BASE, None),
    "first.bias": (BASE,),
    "hidden.weight": (BASE, BASE),
    "hidden.bias": (BASE,),
    "readout.weight": (None, BASE),
}


def test_growing_dimensions_have_their_size_at_the_base() -> None:
    assert BASE not in (INPUTS, CLASSES)
    assert base_shapes(net_plan()) == SHAPES


def test_a_file_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "base.bsh"
    write_base_shapes(SHAPES, path)
    assert read_base_shapes(path) == SHAPES
    assert yaml.safe_load(path.read_text())["first.weight"] == [BASE, None]


def test_differences_are_named() -> None:
    theirs = {**SHAPES, "readout.weight": (CLASSES, BASE), "extra": (1,)}
    del theirs["first.bias"]
    assert base_shape_differences(SHAPES, theirs) == [
        "extra: only in the file",
        "first.bias: only in the recipe",
        f"readout.weight: [None, {BASE}] in the recipe, [{CLASSES}, {BASE}] in the file",
    ]
    assert base_shape_differences(SHAPES, dict(SHAPES)) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "cannot be read: No such file"),
        ("a: [", "not a file of base shapes"),
        ("[1]", "expected a mapping of parameter names"),
        ("a: 3", "a: expected a list of sizes and nulls, found 3"),
        ("a: [x]", "a: expected a list of sizes and nulls"),
        ("a: !!python/object/apply:os.getcwd []", "not a file of base shapes"),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: str | None, line: str) -> None:
    path = tmp_path / "base.bsh"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=line):
        read_base_shapes(path)
