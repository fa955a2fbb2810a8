"""A plan that a stack cannot express is refused, with the formats that can express it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.catalog.stacks import STACKS, StackEntry
from mutransfer_cli.emit.core.protocol import Stack
from mutransfer_cli.emit.core.resolve import exact_config
from mutransfer_cli.emit.scale import scale
from mutransfer_cli.errors import InputError
from tests.helpers import registries
from tests.helpers.emit_recipes import emit_recipe, small_recipe

TOY_STACK = Stack(exact_config, lambda request, resolved, document: {"toy.txt": request.format})


def test_umup_goes_as_numbers_only(tmp_path: Path) -> None:
    path = emit_recipe(tmp_path, "gpt")
    with pytest.raises(
        InputError, match=r"does not support the parameterization umup; use --format json"
    ):
        scale(path, sets=["parameterization=umup"], width=64, format="torch")


def test_an_optimizer_that_torch_does_not_have(tmp_path: Path) -> None:
    """json has every optimizer's numbers; torch's own optimizers train the rest."""
    path = small_recipe(tmp_path, name="sgd")
    with pytest.raises(InputError, match=r"optimizer sgd; use --format json, torch, lightning$"):
        scale(path, width=64, format="megatron")
    path = small_recipe(tmp_path, name="lion")
    with pytest.raises(InputError, match=r"torch .* has no lion.*use --format json$"):
        scale(path, width=64, format="torch")


def test_a_readout_without_multiplier(tmp_path: Path) -> None:
    path = emit_recipe(tmp_path, "gpt-absorbed")
    with pytest.raises(InputError, match=r"rules.readout: multiplier; use --format json, torch"):
        scale(path, width=64, format="bsh")


def test_a_tied_embedding(tmp_path: Path) -> None:
    """torchtitan cannot tie; nanoGPT always ties, which is a deviation."""
    with pytest.raises(InputError, match=r"tied embedding needs a multiplier"):
        scale(emit_recipe(tmp_path, "gpt-tied"), width=64, format="torchtitan")
    result = scale(emit_recipe(tmp_path, "gpt"), width=64, format="nanogpt-mup")
    assert "tied of readout.weight" in [d.what for d in result.document.deviations]
    result = scale(emit_recipe(tmp_path, "gpt-tied"), width=64, format="nanogpt-mup")
    assert not any(d.what.startswith("tied") for d in result.document.deviations)


def test_a_schedule_that_the_stack_does_not_have(tmp_path: Path) -> None:
    path = emit_recipe(tmp_path, "gpt")
    for name, expected in (("cosine", []), ("linear", [("linear", "cosine")])):
        result = scale(path, sets=[f"schedule={{name: {name}}}"], width=64, format="nanogpt-mup")
        deviations = [d for d in result.document.deviations if d.what == "schedule"]
        assert [(d.wanted, d.got) for d in deviations] == expected


def test_a_model_of_another_kind(tmp_path: Path) -> None:
    path = emit_recipe(tmp_path, "gpt")
    with pytest.raises(InputError, match=r"model.build is gpt, expected hf:TYPE"):
        scale(path, width=64, format="hf")
    mlp = ["model={build: mlp}", "data={source: teacher, d_in: 8, d_out: 2}"]
    with pytest.raises(InputError, match=r"writes decoders .*use --format json, torch, lightning"):
        scale(path, sets=mlp, width=64, format="megatron")


def test_only_formats_that_exist_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = StackEntry(
        name="toy",
        summary="a file with one word",
        implementation=f"{__name__}:TOY_STACK",
        files=("toy.txt",),
    )
    registries.add(monkeypatch, STACKS, row)
    registries.remove(monkeypatch, STACKS, "lightning")
    path = small_recipe(tmp_path, name="sgd")
    with pytest.raises(InputError, match=r"use --format json, torch, toy$"):
        scale(path, width=64, format="megatron")
    assert scale(path, width=64, format="toy").files == {"toy.txt": "toy"}
