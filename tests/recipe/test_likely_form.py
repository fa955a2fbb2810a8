"""What a refusal proposes for a list or a value in the place of a mapping is then accepted."""

from __future__ import annotations

import re

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import loads

RECIPE = """\
name: a
model: {build: gpt, args: {vocab_size: 256, head_dim: 8}}
data: {source: stdlib}
base: {width: 32}
ladder: {width: [32, 64]}
search: {space: {lr: {log2: [-9, -3], step: 1.0}}, budget: {trials: 30}}
"""


@pytest.mark.parametrize(
    ("key", "value", "proposal"),
    [
        ("model", "gpt", "{build: gpt}"),
        ("optimizer", "adamw", "{name: adamw}"),
        ("schedule", "cosine", "{name: cosine}"),
        ("data", "stdlib", "{source: stdlib}"),
        ("data", "corpus.txt", "{source: text, path: corpus.txt}"),
        ("base", "32", "{width: 32}"),
        ("target", "4096", "{width: 4096}"),
        ("ladder", "[32, 64]", "{width: [32, 64]}"),
        ("ladder", "64", "{width: [64]}"),
        ("ladder.width", "64", "[64]"),
        ("ladder.width", "32,64", "[32, 64]"),
        ("search.budget", "30", "{trials: 30}"),
        ("search.space", "[lr]", "{lr: {log2: [-10, -3]}}"),
        ("search.space.lr", "[1e-3, 1e-2]", "{choice: [0.001, 0.01]}"),
        ("search.space.z_loss", "[0, 1e-4]", "{choice: [0, 0.0001]}"),
        ("search.space.lr", "0.01", "{log2: [-10, -3]}"),
    ],
)
def test_the_proposal_is_accepted(key: str, value: str, proposal: str) -> None:
    with pytest.raises(InputError) as caught:
        loads(RECIPE, "r", [f"{key}={value}"])
    assert re.search(
        rf"write (a range such as )?{re.escape(proposal)}($|,|;| or )", str(caught.value)
    )
    try:
        loads(RECIPE, "r", [f"{key}={proposal}"])
    except InputError as error:  # another key is missing or wrong, this one is not
        assert error.path[:1] != (key.split(".")[0],) or "expected a" not in str(error)


@pytest.mark.parametrize("setting", ["init=mup", "base=null", "roles={x: vector}"])
def test_nothing_is_proposed_where_nothing_is_likely(setting: str) -> None:
    with pytest.raises(InputError) as caught:
        loads(RECIPE, "r", [setting])
    assert "write" not in str(caught.value)
