"""Defaults that depend on another key."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import loads
from tests.helpers.recipes import GOOD, MLP


def test_arguments_are_filled_from_the_data() -> None:
    digits = loads(MLP.replace("teacher", "digits")).recipe
    assert digits.model.args == {"activation": "relu", "bias": True, "d_in": 64, "d_out": 10}
    assert (digits.data.d_in, digits.data.d_out) == (64, 10)
    teacher = loads(MLP.replace("teacher", "teacher, d_in: 7")).recipe
    assert (teacher.model.args["d_in"], teacher.model.args["d_out"]) == (7, 10)
    gpt = loads(GOOD).recipe.model
    assert gpt.args == {
        "head_dim": 16, "tied": False, "bias": False, "mlp_ratio": 4, "vocab_size": 256
    }  # fmt: skip
    assert (gpt.width, gpt.depth) == ({"d_model": 1.0}, {"n_layer": 1.0})
    own = loads(GOOD.replace("gpt", "a.b:c").replace("{head_dim: 16}", "{x: 1}")).recipe
    assert (own.model.args, own.model.width, own.model.depth) == ({"x": 1}, {"width": 1.0}, {})
    assert (own.init.from_, loads(GOOD).recipe.init.from_) == ("model", "fan_in")


@pytest.mark.parametrize("sizes", ["[{d_hidden: 1.0}]", "5", "d_hidden"])
def test_sizes_that_are_no_mapping_are_refused(sizes: str) -> None:
    with pytest.raises(InputError, match=r"model\.width: expected a mapping"):
        loads(MLP.replace("build: mlp", f"build: mlp\n  width: {sizes}"))
