"""Choices of the engine in a run directory: read back, by device, and damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.grouping.engine_file import FILE, read_choices, write_choices
from mutransfer_cli.train.engine.choose import EngineChoice
from mutransfer_cli.train.engine.timing import Timing

SIZE = Size(8, 1, 4, 10)
CHOICE = EngineChoice(
    (Timing(1, 0.5, 10), Timing(4, 0.25, 40, "graph")), 4, "faster", True, "graph"
)


def test_choices_are_read_back_on_the_same_device(tmp_path: Path) -> None:
    path = tmp_path / FILE
    write_choices(path, {SIZE: CHOICE}, "cpu")
    assert read_choices(path, "cpu") == {SIZE: CHOICE}
    assert read_choices(path, "cuda:0") == {}  # another device may need another choice


def test_a_choice_of_no_device_holds_everywhere(tmp_path: Path) -> None:
    path = tmp_path / FILE
    write_choices(path, {SIZE: CHOICE}, "cpu")
    (rung,) = json.loads(path.read_text())
    path.write_text(json.dumps([{**rung, "device": None}]))
    assert read_choices(path, "cuda:0") == {SIZE: CHOICE}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "cannot be read"),
        ("[", "is not JSON"),
        ("{}", f"is not a valid {FILE}"),
        ("[{}]", "rung 1, "),
    ],
)
def test_a_damaged_file_is_named_with_the_repair(
    tmp_path: Path, text: str | None, line: str
) -> None:
    path = tmp_path / FILE
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=f"{FILE}: {line}.*delete it, and the engine is chosen ag"):
        read_choices(path, "cpu")
