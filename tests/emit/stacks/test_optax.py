"""The file for optax: names of other frameworks, where multipliers go, and what it refuses.

That optax trains with it as planned is shown by `make stacks`, which installs optax.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mutransfer_cli.emit.scale import scale
from mutransfer_cli.errors import InputError
from tests.helpers.emit_recipes import small_recipe

NAMES = [
    (["params", "blocks_0", "mlp", "up", "kernel"], "blocks.0.mlp.up.weight"),  # Flax's linen
    (["params", "norm", "scale"], "norm.weight"),
    (["params", "token", "embedding"], "token.weight"),
    (["blocks", "1", "norm1", "bias"], "blocks.1.norm1.bias"),  # a plain tree
]


def key(**attribute: object) -> Any:
    """An entry of a path in a tree of JAX: DictKey has key, GetAttrKey name, SequenceKey idx."""
    return SimpleNamespace(**attribute)


def tensor_name(folder: Path) -> Any:
    """The file's own function."""
    text = scale(small_recipe(folder), width=64, format="optax").text()
    code = re.search(r"^LEAVES = .*?(?=^def names)", text, re.M | re.S)
    assert code is not None
    scope: dict[str, Any] = {"re": re}
    exec(code[0], scope)
    return scope["tensor_name"]


def test_the_plans_names_of_a_tree(tmp_path: Path) -> None:
    named = tensor_name(tmp_path)
    for path, name in NAMES:
        assert named([key(key=part) for part in path]) == name
    nnx = [key(key="blocks"), key(key=0), key(key="up"), key(key="kernel"), key(name="value")]
    assert named(nnx) == "blocks.0.up.weight"
    equinox = [key(name="blocks"), key(idx=0), key(name="weight")]
    assert named(equinox) == "blocks.0.weight"


def test_the_head_says_where_multipliers_go(tmp_path: Path) -> None:
    head = scale(small_recipe(tmp_path), width=64, format="optax").text().split("SCHEDULE = ")[0]
    line = next(x for x in head.splitlines() if "logit_scale" in x)
    assert line.startswith("# plan.FORWARD['logit_scale'] = ") and "readout" in line


def test_an_optimizer_that_optax_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--format optax: does not support the optimizer soap"):
        scale(small_recipe(tmp_path), sets=["optimizer.name=soap"], width=64, format="optax")


@pytest.mark.parametrize(
    ("convention", "lr", "factor"),
    [("original", 0.02, 2.0), ("consistent_rms", 0.01, 0.2 * 16), ("none", 0.02, 1.0)],
)
def test_muon_keeps_its_rate_and_names_its_factor(
    tmp_path: Path, convention: str, lr: float, factor: float
) -> None:
    """The matrix is (64, 16) at the base, (256, 64) here; √256 is twice √64, so half the rate."""
    text = scale(
        small_recipe(tmp_path),
        sets=["optimizer.name=muon", f"optimizer.adjust_lr={convention}", "optimizer.lr=0.02"],
        width=64,
        format="optax",
    ).text()
    values = re.search(r"^ADJUST_LR = .*?(?=^import hashlib)", text, re.M | re.S)
    assert values is not None and text.endswith('MATRIX_OPTIMIZERS = {"muon": _muon}\n')
    scope: dict[str, Any] = {}
    exec(values[0], scope)
    matrix, vector = (scope["TENSORS"][f"blocks.0.{n}.weight"] for n in ("mlp.up", "norm1"))
    assert scope["ADJUST_LR"] == convention and matrix["optimizer"] == "muon"
    assert matrix["options"]["lr"] == pytest.approx(lr)
    assert matrix["options"]["factor"] == pytest.approx(factor)
    assert vector["optimizer"] == "adamw" and "factor" not in vector["options"]


@pytest.mark.parametrize(("name", "momentum"), [("adamh", False), ("muonh", True)])
def test_a_fixed_norm_has_no_factor(tmp_path: Path, name: str, momentum: bool) -> None:
    text = scale(
        small_recipe(tmp_path, decay="0.0"), sets=[f"optimizer.name={name}"], width=64,
        format="optax",
    ).text()  # fmt: skip
    assert f'MATRIX_OPTIMIZERS = {{"{name}": _{name}}}' in text and "ADJUST_LR = " not in text
    assert ("'momentum': 0.95" in text) == momentum and "initialize them before" in text
