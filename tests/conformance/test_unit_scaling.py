"""u-muP: learning rates and residual weights against the unit-scaling package itself."""

from __future__ import annotations

import pytest
import torch
from unit_scaling import Parameter, transformer_residual_scaling_rule
from unit_scaling.optim import lr_scale_func_adam, lr_scale_func_sgd

from mutransfer_cli import plan
from mutransfer_cli.models.builtin.gpt import GPT
from mutransfer_cli.parameterization.umup import residual_coefficients

KINDS = {"input": "weight", "hidden": "weight", "readout": "output", "vector": "norm"}


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_learning_rates(optimizer: str) -> None:
    def build(width: int, depth: int) -> GPT:
        return GPT(width, depth, vocab_size=256, seq_len=64, head_dim=16)

    found = plan(
        build,
        base={"width": 32, "depth": 2},
        target={"width": 96, "depth": 3},
        optimizer={"name": optimizer, "lr": 0.5},
        parameterization="umup",
    )
    theirs = lr_scale_func_adam if optimizer == "adamw" else lr_scale_func_sgd("to_output_scale")
    for tensor in found.tensors:
        depth = 3 if tensor.name.startswith("blocks.") else None
        parameter = Parameter(torch.zeros(tensor.shape), KINDS[tensor.role], depth)  # type: ignore[arg-type]
        assert tensor.lr == pytest.approx(0.5 * theirs(parameter), rel=1e-12), tensor.name
    hidden = found.tensor("blocks.0.mlp.down.weight")
    assert (hidden.init_std, hidden.multiplier) == (1.0, pytest.approx(384**-0.5))
    assert found.forward["logit_scale"] == pytest.approx(1 / 96)


@pytest.mark.parametrize("layers", [1, 2, 5])
@pytest.mark.parametrize(("residual", "attention"), [(1.0, 1.0), (0.5, 2.0)])
def test_residual_weights(layers: int, residual: float, attention: float) -> None:
    tau = transformer_residual_scaling_rule(residual, attention)
    found = residual_coefficients(layers, residual, attention)
    for i in range(2 * layers):
        t = tau(i, 2 * layers)
        assert found[f"branch.{i}"] / found[f"skip.{i}"] == pytest.approx(t, rel=1e-12)
        assert found[f"branch.{i}"] ** 2 + found[f"skip.{i}"] ** 2 == pytest.approx(1)
