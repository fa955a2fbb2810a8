"""Measured geometries of all built-in optimizers are those that their modules state."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.optim import Optimizer

from mutransfer_cli.optimizers.own.known_geometry import known_geometry
from mutransfer_cli.optimizers.own.measured_geometry import measured_update
from mutransfer_cli.optimizers.own.trial_steps import decay_share
from mutransfer_cli.optimizers.own.trial_update import trial_gradient
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, optimizer_spec
from mutransfer_cli.plans.param_groups import trainable_optimizers

# Epsilon is above the rounding errors of SOAP's eigenbasis in float64, and below all gradients.
HYPERPARAMETERS = GroupHyperparameters((0.9, 0.95), 1e-5, 0.0, False)
FURTHER_OPTIONS = {"soap": {"precondition_frequency": 100}}  # it refreshes its basis in float32
SECONDS = {"shampoo"}  # takes some: singular values of every matrix at every step
TRAINED = [
    pytest.param(name, marks=[pytest.mark.slow] * (name in SECONDS))
    for name in trainable_optimizers()
]

pytestmark = pytest.mark.usefixtures("double")


@pytest.mark.parametrize("name", TRAINED)
def test_builtin_optimizers_have_the_exponents_that_are_derived(name: str) -> None:
    spec = optimizer_spec(name)
    own: Any = spec.torch_class()

    def make(groups: list[dict[str, Any]]) -> Optimizer:
        options = {**spec.group_options(HYPERPARAMETERS), **FURTHER_OPTIONS.get(name, {})}
        made = [{**options, **group} for group in groups]
        return own(made)  # type: ignore[no-any-return]  # a class of torch

    measured = measured_update(make)
    match = known_geometry(measured)
    assert match is not None
    assert match.geometry == spec.geometry
    # an update twice as large per entry at twice the gradient: only for the plain gradient
    assert measured.matrix.gradient == pytest.approx(
        1.0 if spec.geometry.sees_gradient_scale else 0.0, abs=0.01
    )


class OfDecay(Optimizer):
    """w ← w - rate · (gradient + share · decay · w)."""

    def __init__(self, groups: Any, share: float) -> None:
        self.share = share
        super().__init__(groups, {})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                decay = self.share * group["weight_decay"]
                p -= group["lr"] * (p.grad + decay * p)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_share_of_the_decay(share: float) -> None:
    assert decay_share(lambda groups: OfDecay(groups, share)) == pytest.approx(share, abs=1e-3)


def test_trial_gradients_do_not_depend_on_torch_s_default() -> None:
    """Torch has no singular values in bfloat16, which a user's module may make the default."""
    matrix = torch.zeros(6, 4, dtype=torch.float32)
    torch.set_default_dtype(torch.float32)
    expected = trial_gradient(matrix)
    torch.set_default_dtype(torch.bfloat16)
    assert torch.equal(trial_gradient(matrix), expected)
