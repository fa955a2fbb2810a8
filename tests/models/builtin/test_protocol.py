"""What the catalog says of a built-in model is true, and nothing but its row knows its module."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

from mutransfer_cli.catalog.models import MODELS, ModelEntry
from mutransfer_cli.catalog.sources import SOURCES
from mutransfer_cli.models.builtin.protocol import BuildModel, UnitScaled
from tests.helpers import source

FROM_DATA = {"d_in": 16, "d_out": 3, "vocab_size": 7, "seq_len": 5}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "gpt": {"head_dim": 8},
    "moe": {"head_dim": 8},
    "convnet": {"d_in": 1},
}
FURTHER = {"experts": 4, "active_experts": 2, "seq_len": 5}


def built(row: ModelEntry, width: int = 16, depth: int = 2) -> torch.nn.Module:
    """The model at a size, with the arguments that its row names."""
    build_model: BuildModel = row.load()
    given = {name: FROM_DATA[name] for name in row.from_data} | ARGUMENTS.get(row.name, {})
    fields = {n: f.default for n, f in row.arguments.model_fields.items() if not f.is_required()}
    sizes = {"width": width, "depth": depth, "expert_width": width, **FURTHER}
    grown = {growth.argument: sizes[axis] for axis, growth in row.grows.items()}
    return build_model(**{**fields, **given, **grown})


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_it_is_built_and_reads_its_kind_of_data(row: ModelEntry) -> None:
    model = built(row)
    if row.reads == "tokens":
        logits = model(torch.zeros(4, 5, dtype=torch.int64))
        assert logits.shape == (4, 5, 7)
    else:
        assert model(torch.randn(4, 16)).shape == (4, 3)


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_it_grows_by_the_arguments_that_the_row_names(row: ModelEntry) -> None:
    def count(width: int, depth: int) -> int:
        return sum(p.numel() for p in built(row, width, depth).parameters())

    # matrices grow with the square of the width, and their number with the depth
    assert count(64, 8) > 8 * count(16, 8)
    assert count(64, 8) > 2 * count(64, 2)


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_every_argument_has_one_origin(row: ModelEntry) -> None:
    parameters = set(inspect.signature(row.load()).parameters)
    grown = {growth.argument for growth in row.grows.values()}
    assert parameters == grown | set(row.from_data) | set(row.arguments.model_fields)
    optional = {g.argument for axis, g in row.grows.items() if axis not in ("width", "depth")}
    assert not (grown - optional) & set(row.arguments.model_fields)
    for growth in row.grows.values():
        assert set(growth.divisors) <= set(row.arguments.model_fields)


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_multipliers_that_the_row_names_are_in_the_model(row: ModelEntry) -> None:
    modules = list(built(row).modules())
    for name, expected in (
        ("attention_scale", row.attention),
        ("residual_scale", row.residual_branches),
    ):
        assert any(hasattr(m, name) for m in modules) == expected, name
    inherited = row.name == "moe"  # of gpt; u-muP has no rule for experts
    assert isinstance(modules[0], UnitScaled) == (row.unit_scaled or inherited)


@pytest.mark.parametrize("row", [*MODELS, *SOURCES], ids=lambda row: row.name)
def test_its_module_is_loaded_through_its_row(row: Any) -> None:
    """No import names it but that of its own batched form, and of a model that extends it."""
    module = row.implementation.partition(":")[0]
    own = (getattr(row, "batched", None) or "").partition(":")[0]
    importing = {name for name, targets in source.imports().items() if module in targets}
    extended = {"mutransfer_cli.models.builtin.moe"} if row.name == "gpt" else set()
    assert importing <= {own} | extended
