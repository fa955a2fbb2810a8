"""Parameter groups of lm-engine: which of its parameters get which numbers."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from mutransfer_cli.emit.scale import EmitResult, scale
from tests.helpers.emit_recipes import emit_recipe

# names of a model of two layers, as lm-engine's wrapper lists them (mixins/dense, November 2026)
PARAMETERS = [
    "model.transformer.wte.weight",
    *(
        f"model.transformer.h.{layer}.{module}.weight"
        for layer in (0, 1)
        for module in (
            "ln_1", "sequence_mixer.c_attn", "sequence_mixer.c_proj", "ln_2", "mlp_block.c_fc",
            "mlp_block.c_proj",
        )
    ),
    "model.transformer.ln_f.weight",
    "model.lm_head.weight",
]  # fmt: skip


def written(folder: Path, **changes: Any) -> EmitResult:
    sets = tuple(f"{key}={value}" for key, value in changes.items())
    return scale(emit_recipe(folder, "llama"), width=256, format="lm-engine", sets=sets)


def groups_of(found: EmitResult) -> dict[str, dict[str, Any]]:
    """The group of every parameter: the first that matches."""
    values = yaml.safe_load(found.text())
    groups = values["optimizer_args"]["param_groups"]
    assert all(g.keys() == {"name", "patterns", "params_group_kwargs"} for g in groups)
    return {
        p: next(g for g in groups if any(fnmatch(p, pattern) for pattern in g["patterns"]))
        for p in PARAMETERS
    }


def test_every_parameter_has_the_numbers_of_its_tensor(tmp_path: Path) -> None:
    found = written(tmp_path)
    assert found.document.deviations == () or not any(
        d.what.startswith(("lr", "eps", "weight_decay")) for d in found.document.deviations
    )
    planned = {t.name: t for t in found.document.tensors}
    groups = groups_of(found)
    for parameter, tensor in (
        ("model.transformer.h.1.mlp_block.c_proj.weight", "model.layers.1.mlp.down_proj.weight"),
        ("model.transformer.h.0.ln_1.weight", "model.layers.0.input_layernorm.weight"),
        (
            "model.transformer.h.0.sequence_mixer.c_attn.weight",
            "model.layers.0.self_attn.q_proj.weight",
        ),
    ):
        options, t = groups[parameter]["params_group_kwargs"], planned[tensor]
        assert options["lr"] == pytest.approx(t.lr)
        assert options["weight_decay"] == pytest.approx(t.weight_decay)
        assert options["eps"] == pytest.approx(t.eps)
    hidden = groups["model.transformer.h.0.mlp_block.c_fc.weight"]
    assert hidden is groups["model.transformer.h.1.mlp_block.c_fc.weight"]
    assert hidden is not groups["model.transformer.wte.weight"]


def test_a_layer_with_another_rate_has_a_group_of_its_own(tmp_path: Path) -> None:
    found = written(tmp_path, **{"lr_factors": "{'*layers.1.mlp.down_proj*': 0.5}"})
    groups = groups_of(found)
    rates = [
        groups[f"model.transformer.h.{layer}.mlp_block.c_proj.weight"]["params_group_kwargs"]["lr"]
        for layer in (0, 1)
    ]
    assert rates[1] == pytest.approx(rates[0] / 2)
    assert not any(d.what.startswith("lr") for d in found.document.deviations)


def test_rates_that_share_a_matrix_are_declared(tmp_path: Path) -> None:
    """The control: queries and keys are one matrix of the stack."""
    found = written(tmp_path, **{"lr_factors": "{'*.q_proj.*': 0.5}"})
    assert any(d.what.startswith("lr") for d in found.document.deviations)
