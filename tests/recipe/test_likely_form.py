"""What a refusal proposes for a value of another form is then accepted."""

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
        ("search.space.lr", "1e-4..1e-1", "{log10: [-4, -1]}"),
        ("search.space.lr", "0.001 to 0.1", "{log10: [-3, -1]}"),
        ("search.budget", "30m", "{minutes: 30}"),
        ("search.budget", "2h", "{minutes: 120}"),
        ("init", "fan_in", "{from: fan_in}"),
        ("init", "0.02", "{std: 0.02}"),
        ("lr_factors", "2", "{hidden: 2}"),
        ("multipliers", "2", "{logit: 2}"),
        ("model.width", "d_model", "{d_model: 1}"),
        ("optimizer", "adam(lr=0.01)", "{name: adam, lr: 0.01}"),
        ("optimizer", "adam()", "{name: adam}"),
        ("optimizer.betas", "0.9", "[0.9, 0.999]"),
        ("optimizer.lr", "2^-7", "0.0078125"),
        ("optimizer.lr", "1/8", "0.125"),
        ("optimizer.weight_decay", "10%", "0.1"),
        ("base.steps", "1k", "1000"),
        ("base.steps", "'1,000'", "1000"),
        ("base.tokens", "20B", "2.0e+10"),
        ("data.seq_len", "2k", "2000"),
        ("clip", "none", "null"),
        ("search.seeds", "[0, 1, 2]", "3"),
        ("search.timeout", "10m", "600"),
        ("search.budget.minutes", "2h", "120"),
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


def test_the_parameterization_has_a_key_of_its_own() -> None:
    with pytest.raises(InputError, match="write parameterization: mup; a mapping is"):
        loads(RECIPE, "r", ["init=mup"])


@pytest.mark.parametrize(
    "setting", ["init=x", "base=null", "roles={x: vector}", "optimizer.lr=none", "base.steps=1m"]
)
def test_nothing_is_proposed_where_nothing_is_likely(setting: str) -> None:
    with pytest.raises(InputError) as caught:
        loads(RECIPE, "r", [setting])
    assert "write" not in str(caught.value)
