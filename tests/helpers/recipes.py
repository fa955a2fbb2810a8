"""Two small recipes, and what a broken one is refused with."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import loads

GOOD = """\
name: tiny
model:
  build: gpt
  args: {head_dim: 16}
optimizer:
  lr: 0.01
data: {source: stdlib}
base: {width: 32}
ladder: {width: [32, 64]}
"""
MLP = (
    GOOD.replace("gpt", "mlp")
    .replace("args: {head_dim: 16}", "args: {}")
    .replace("stdlib", "teacher")
)


def refused(text: str, *sets: str) -> str:
    """The one line that a recipe, named r.yaml, is refused with."""
    with pytest.raises(InputError) as caught:
        loads(text, "r.yaml", sets)
    line = str(caught.value)
    assert "\n" not in line
    return line


def change(old: str, new: str, text: str = GOOD) -> str:
    """A recipe with the one place where it says `old` replaced."""
    assert text.count(old) == 1
    return text.replace(old, new)
