"""A pattern of a recipe that selects no tensor is an error, by every command that makes a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mutransfer_cli import plan
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from tests.helpers.commands import run

RECIPE = """
name: patterns
model: {build: gpt, args: {vocab_size: 256, head_dim: 8, tied: TIED}}
MORE
data: {source: stdlib, seq_len: 8}
base: {width: 16, depth: DEPTH, batch: 2, steps: 4}
ladder: {width: [16, 32]}
search: {space: {lr: {log2: [-8, -7]}}, seeds: 1}
"""
BASE, DEEP, SHALLOW = Size(32, 2, 2, 4), Size(32, 4, 2, 4), Size(32, 1, 2, 4)


def planned(more: str, size: Size = BASE, tied: str = "false", depth: int = 2) -> Any:
    text = RECIPE.replace("MORE", more).replace("TIED", tied).replace("DEPTH", str(depth))
    return ProxyFactory(loads(text).recipe).plan(size)


# keys of the recipe; key at fault, its pattern, and the nearest name by hand
LOST = [
    ("lr_factors: {readuot: 2.0}", "lr_factors.readuot", "nearest: 'readout'"),
    ("lr_factors: {'*.donw.*': 2.0}", "lr_factors.*.donw.*", "nearest: '"),
    ("lr_factors: {expert: 2.0}", "lr_factors.expert", "nearest: '"),
    ("init: {zero: [readout.wieght]}", "init.zero.0", "nearest: 'readout.weight'"),
    (
        "init: {zero: ['readout.*', blocks.0.mlp.dwon.weight]}",
        "init.zero.1",
        "nearest: 'blocks.*.mlp.down.weight'",
    ),
    (
        "roles: [{match: 'blocks.*.norm3.weight', role: vector}]",
        "roles.0.match",
        "nearest: 'blocks.*.norm",
    ),
    ("rules: {decay: ['*.mlp.*', readout]}", "rules.decay.1", "nearest: 'readout.weight'"),
]


@pytest.mark.parametrize(("more", "key", "hint"), LOST)
def test_a_pattern_without_a_tensor_is_an_error(more: str, key: str, hint: str) -> None:
    with pytest.raises(InputError, match="matches no tensor") as error:
        planned(more)
    assert str(error.value).startswith(f"{key}: ")
    assert hint in str(error.value)


def test_patterns_that_match_are_used() -> None:
    more = "lr_factors: {readout: 2.0, 'blocks.*.mlp.*': 3.0}\ninit: {zero: ['readout.*']}"
    found, plain = planned(more), planned("")
    for t, before in zip(found.tensors, plain.tensors, strict=True):
        factor = 2.0 if t.role == "readout" else 3.0 if ".mlp." in t.name else 1.0
        assert t.lr == pytest.approx(factor * before.lr, rel=1e-12)
        assert (t.init == "zero") == (t.name == "readout.weight")


def test_the_embedding_of_a_tied_model_is_named_tied() -> None:
    planned("lr_factors: {embedding: 2.0}")
    with pytest.raises(InputError, match="'readout' matches no tensor"):
        planned("lr_factors: {readout: 2.0}", tied="true")
    planned("lr_factors: {tied: 2.0}", tied="true")


def test_a_pattern_has_to_match_at_the_base_and_at_the_target() -> None:
    message = r"matches no tensor at width 16, depth 2, only at width 32, depth 4 \(blocks\.3\."
    with pytest.raises(InputError, match=message):
        planned("init: {zero: ['blocks.3.mlp.*']}", DEEP)
    message = r"matches no tensor at width 32, depth 1, only at width 16, depth 2 \(blocks\.1\."
    with pytest.raises(InputError, match=message):
        planned("lr_factors: {'blocks.1.*': 2.0}", SHALLOW)
    planned("init: {zero: ['blocks.1.mlp.down.*']}", DEEP)


def test_the_last_blocks_of_a_deep_base_are_known() -> None:
    """A family of four traced blocks is planned from; block 9 of the base is none of them."""
    found = planned("init: {zero: ['blocks.9.mlp.down.*']}", Size(32, 20, 2, 4), depth=10)
    zero = [t.name for t in found.tensors if t.init == "zero"]
    assert [name for name in zero if name.endswith("weight")] == ["blocks.9.mlp.down.weight"]


def test_a_role_of_one_deep_block_is_not_lost() -> None:
    role = "roles: [{match: 'blocks.9.mlp.up.weight', role: fixed}]"
    found = planned(role, Size(32, 20, 2, 4), depth=10)
    fixed = [t.name for t in found.tensors if t.role == "fixed"]
    assert fixed == ["blocks.9.mlp.up.weight", "blocks.19.mlp.up.weight"]


def test_a_pattern_behind_another_has_no_effect() -> None:
    message = "'readout' has no effect: the first match applies, and '\\*' before it"
    with pytest.raises(InputError, match=message):
        planned("lr_factors: {'*': 2.0, readout: 3.0}")
    planned("lr_factors: {readout: 3.0, '*': 2.0}")
    overlapping = "init: {zero: ['readout.*', 'readout.weight']}"  # the order does not matter
    planned(overlapping)


@pytest.mark.parametrize(
    "command",
    [
        ["shapes", "RECIPE"],
        ["shapes", "RECIPE", "--width", "32"],
        ["scale", "RECIPE", "--width", "32"],
        ["check", "RECIPE", "--widths", "16,32", "--steps", "1", "--seeds", "2"],
        ["sweep", "RECIPE", "--dry-run"],
        ["sweep", "RECIPE", "--run", "RUN"],
    ],
)
def test_every_command_that_plans_says_where_the_pattern_stands(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.yaml"
    text = RECIPE.replace("MORE", "init: {zero: [readout.wieght]}")
    path.write_text(text.replace("TIED", "false").replace("DEPTH", "2"))
    values = {"RECIPE": str(path), "RUN": str(tmp_path / "run")}
    assert run(*(values.get(word, word) for word in command)) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"{path}:4:15" in line
    assert "init.zero.0: 'readout.wieght' matches no tensor; nearest: 'readout.weight'" in line


@pytest.mark.parametrize(
    ("more", "ladder", "message"),
    [
        ("lr_factors: {'blocks.1.*': 2.0}", "{width: [16], depth: [1, 2]}", "depth 1"),
        ("", "{width: [16, 32]}", "lr_factors.readuot: 'readuot' matches no tensor"),
    ],
)
def test_a_sweep_refuses_before_it_trains(
    more: str, ladder: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, run_directory = tmp_path / "r.yaml", tmp_path / "run"
    text = RECIPE.replace("MORE", more).replace("TIED", "false").replace("DEPTH", "2")
    text = text.replace("{width: [16, 32]}", ladder)
    if not more:
        text = text.replace("{lr: {", "{lr_factors.readuot: {")
    path.write_text(text)
    for options in (["--run", run_directory], ["--dry-run"]):
        assert run("sweep", path, *options) == 2
        error = capsys.readouterr().err
        assert message in error and "loss" not in error
        assert not (run_directory / "study.db").exists()


def mlp(width: int) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 3))


def test_the_library_refuses_them_too() -> None:
    batch = (torch.randn(2, 4), torch.tensor([0, 1]))
    for rules in ({"roles": [("3.weight", "fixed")]}, {"lr_factors": {"hiden": 2.0}}):
        with pytest.raises(InputError, match="matches no tensor; nearest: "):
            plan(
                mlp,
                base={"width": 8},
                target={"width": 16},
                optimizer={"name": "adamw", "lr": 0.01},
                batch=batch,
                **rules,
            )
