"""A plan that a stack cannot express is refused, with the formats that can express it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.catalog.stack_entry import StackEntry
from mutransfer_cli.catalog.stacks import STACKS
from mutransfer_cli.emit.core.protocol import Stack
from mutransfer_cli.emit.core.resolve import exact_config
from mutransfer_cli.emit.scale import scale
from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.param_groups import untrainable_reason
from tests.helpers import registries
from tests.helpers.emit_recipes import CASES, emit_recipe, small_recipe

TOY_STACK = Stack(exact_config, lambda request, resolved, document: {"toy.txt": request.format})


def formats(able: Callable[[StackEntry], bool]) -> str:
    """The end of a refusal: the formats whose rows say that they are able."""
    return f"; use --format {', '.join(row.name for row in STACKS if able(row))}$"


def of_any_model(row: StackEntry) -> bool:
    """Whether a format can hold plans for models that are no decoders."""
    return row.models == "any"


def test_umup_goes_as_numbers_only(tmp_path: Path) -> None:
    path = emit_recipe(tmp_path, "gpt")
    able = formats(lambda row: row.unit_scaling)
    with pytest.raises(InputError, match=f"does not support the parameterization umup{able}"):
        scale(path, sets=["parameterization=umup"], width=64, format="torch")


def test_an_optimizer_that_torch_does_not_have(tmp_path: Path) -> None:
    """json has every optimizer's numbers; torch's own optimizers train the rest."""
    path = small_recipe(tmp_path, name="sgd")
    able = formats(lambda row: of_any_model(row) and "sgd" in (row.optimizers or ["sgd"]))
    assert "; use --format json, torch" in able
    with pytest.raises(InputError, match=f"optimizer sgd{able}"):
        scale(path, width=64, format="megatron")
    name = next(name for name in OPTIMIZERS.names if untrainable_reason(name, torch_only=True))
    path = small_recipe(tmp_path, name=name)
    able = formats(
        lambda row: (
            of_any_model(row) and not row.torch_optimizers and name in (row.optimizers or [name])
        )
    )
    assert "; use --format json" in able and "torch" not in able
    with pytest.raises(InputError, match=f"torch .* has no {name}.*{able}"):
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


@pytest.mark.parametrize(
    ("format_", "case", "here"),
    [
        ("megatron", "gpt-completep", "by 1, the plan .completep. by 0.3333"),  # depth 2 to 6
        ("cerebras", "gpt-completep-half", "by 1, the plan .completep. by 0.5774"),
        ("megatron", "llama-completep", "by 1, the plan .completep. by 0.5"),  # absorbed; 2 to 4
        ("megatron", "gpt-residual", "by 1, the plan .mup. by 0.5"),
        ("nanogpt-completep", "gpt-residual", "by 1, the plan .mup. by 0.5"),
    ],
)
def test_a_residual_multiplier_that_the_stack_does_not_have(
    tmp_path: Path, format_: str, case: str, here: str
) -> None:
    """Refused with what holds it; written with its deviations on request."""
    path, depth = emit_recipe(tmp_path, case), CASES[case].get("depth")
    width = 256 if "llama" in case else 64
    with pytest.raises(InputError, match=here) as error:
        scale(path, width=width, depth=depth, format=format_)
    assert "use --format json, torch," in str(error.value)
    assert "megatron" not in str(error.value).partition("; use ")[2]
    assert str(error.value).endswith("; --allow-deviations writes it all the same")
    found = scale(path, width=width, depth=depth, format=format_, allow_deviations=True)
    assert any(d.what.startswith("lr of") for d in found.document.deviations)
    # control: a plan without such a multiplier
    scale(emit_recipe(tmp_path, "gpt"), width=64, format="megatron")


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
    with pytest.raises(InputError, match=f"writes decoders .*{formats(of_any_model)}"):
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
    able = formats(lambda row: of_any_model(row) and "sgd" in (row.optimizers or ["sgd"]))
    assert "toy" in able and "lightning" not in able
    with pytest.raises(InputError, match=able):
        scale(path, width=64, format="megatron")
    assert scale(path, width=64, format="toy").files == {"toy.txt": "toy"}
