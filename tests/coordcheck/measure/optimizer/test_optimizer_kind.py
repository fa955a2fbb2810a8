"""The geometry of an optimizer's updates is found by trying, and any optimizer is checked by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from mutransfer_cli import Subject, check
from mutransfer_cli.coordcheck.measure.optimizer.optimizer_kind import update_geometries
from mutransfer_cli.optimizers.adamh import AdamH
from mutransfer_cli.optimizers.geometry import (
    FIXED_NORM,
    FIXED_NORM_SPECTRAL,
    GRADIENT,
    SIGN,
    SPECTRAL,
    Geometry,
)
from mutransfer_cli.optimizers.muonh import MuonH
from tests.helpers.check_models import Lion
from tests.helpers.check_subjects import HIDDEN, WIDTHS, failed, subject
from tests.helpers.own_optimizers import Polar, PolarOfOneSize

# By their definitions: steps of signs (or of entries divided by their size), steps with equal
# singular values, steps in proportion to the gradient.
OPTIMIZERS: dict[str, tuple[Callable[[Any], torch.optim.Optimizer], Geometry]] = {
    "adam": (torch.optim.Adam, SIGN),
    "adamw": (torch.optim.AdamW, SIGN),
    "lion": (Lion, SIGN),
    "adafactor": (torch.optim.Adafactor, SIGN),
    "nadam": (torch.optim.NAdam, SIGN),
    "rmsprop": (torch.optim.RMSprop, SIGN),
    "adamax": (torch.optim.Adamax, SIGN),
    "adagrad": (torch.optim.Adagrad, SIGN),
    "radam": (torch.optim.RAdam, SIGN),  # after its first steps, which have no second moment
    "sgd": (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), GRADIENT),
    "muon": (torch.optim.Muon, SPECTRAL),
    # steps as long as the weights × rate, which leave the weights as long as they were
    "adamh": (AdamH, FIXED_NORM),
    "muonh": (MuonH, FIXED_NORM_SPECTRAL),
}
# A few rows of signs have nearly equal singular values too.
SHAPES = ((3, 64), (64, 3), (2, 64), (10, 256), (64, 64), (256, 64))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        (name, shape)
        for name in OPTIMIZERS
        for shape in SHAPES
        # without its part along the weights, an update of two rows has no equal singular values
        if (name, shape) != ("muonh", (2, 64))
    ],
)
def test_geometry_of_an_update(name: str, shape: tuple[int, int]) -> None:
    make, geometry = OPTIMIZERS[name]

    def fresh() -> Subject:
        torch.manual_seed(0)
        model = nn.Linear(shape[1], shape[0], bias=False)
        return Subject(model, make(model.parameters()))

    assert update_geometries(fresh) == {"weight": geometry}


@pytest.mark.parametrize("shape", [(64, 64), (10, 256)])
def test_an_orthogonalized_update_of_one_size_is_as_a_sign(shape: tuple[int, int]) -> None:
    """Its entries stay 1 at every rank; those of `Polar` fall as the root of the rank (derived)."""

    def fresh(make: Callable[[Any], torch.optim.Optimizer]) -> Subject:
        torch.manual_seed(0)
        model = nn.Linear(shape[1], shape[0], bias=False)
        return Subject(model, make(model.parameters()))

    assert update_geometries(lambda: fresh(PolarOfOneSize)) == {"weight": SIGN}
    assert update_geometries(lambda: fresh(Polar)) == {"weight": SPECTRAL}


class Signs:
    """An optimizer that is none of torch's: signs of a running mean of gradients."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        self.param_groups = groups
        self.means: dict[nn.Parameter, torch.Tensor] = {}

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                mean = self.means.setdefault(p, torch.zeros_like(p))
                mean.mul_(0.9).add_(p.grad, alpha=0.1)
                p.sub_(mean.sign(), alpha=group["lr"])


def orthogonal_(group: dict[str, Any]) -> None:
    for p in group["params"]:
        u, _, v = torch.linalg.svd(p.grad, full_matrices=False)
        p.data.sub_(u @ v, alpha=group["lr"])


class Orthogonal(Signs):
    """Muon's geometry for the hidden matrices, without a momentum."""

    @torch.no_grad()
    def step(self) -> None:
        orthogonal_(self.param_groups[0])
        rest = Signs(self.param_groups[1:])
        rest.means = self.means
        rest.step()


@pytest.mark.parametrize("kind", ["signs", "list", "orthogonal"])
@pytest.mark.parametrize("power", [0.0, 0.5])
def test_any_optimizer(kind: str, power: float) -> None:
    """Hidden rates: sign updates 1/m, SGD 1, orthogonal updates 1 (square matrices); times m^power.

    Each kind is told by trying; a wrong power fails on the hidden matrices alone.
    """

    def build(width: int, seed: int) -> Subject:
        made = subject()(width, seed)
        m = width / 64
        named = dict(made.model.named_parameters())
        hidden = [named[n] for n in sorted(HIDDEN)]
        rest = [p for n, p in named.items() if n not in HIDDEN]
        rate = 1e-3 * m**power / (m if kind == "signs" else 1)
        groups = [{"params": hidden, "lr": rate}, {"params": rest, "lr": 1e-3}]
        optimizer: Any
        if kind == "list":
            optimizer = [torch.optim.SGD([{**groups[0], "lr": 100 * rate}]), Signs(groups[1:])]
        else:
            optimizer = Signs(groups) if kind == "signs" else Orthogonal(groups)
        return Subject(made.model, optimizer, made.loss, made.batch)

    report = check(build, WIDTHS)
    assert failed(report) == (dict.fromkeys(HIDDEN, "lr-too-large") if power else {})
    assert report.passed == (not power)


def test_rates_that_only_a_training_loop_would_scale() -> None:
    """nanoGPT-mup's groups carry `lr_scale`; torch's AdamW has never heard of it."""

    def build(width: int, seed: int, applied: bool = False) -> Subject:
        made = subject()(width, seed)
        assert made.optimizer is not None
        for group in made.optimizer.param_groups:
            group["lr_scale"] = group["lr"] / 1e-3
            group["lr"] = group["lr"] if applied else 1e-3
        return made

    report = check(build, WIDTHS)
    assert failed(report) == dict.fromkeys(HIDDEN, "lr-too-large")
    assert any("`lr_scale`" in note for note in report.document.notes)
    assert check(lambda width, seed: build(width, seed, True), WIDTHS).document.notes == ()
