"""Muon under every convention for the scale of its update, against formulas in float64."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import pytest
import torch
from torch import Tensor

from mutransfer_cli.catalog.lr_adjustments import LR_ADJUSTMENTS
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.optimizers import newton_schulz
from mutransfer_cli.optimizers.muon import class_adjustments
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.batches import data_stream
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.single_trial import mean_loss, train_trial
from mutransfer_cli.train.trial import Trial

if not hasattr(torch.optim, "Muon"):
    pytest.skip("torch has Muon since 2.9", allow_module_level=True)

# The factors as the libraries' code has them (A, B: rows and columns; out, in).
PUBLISHED: dict[str, Callable[[int, int], float]] = {
    "original": lambda a, b: sqrt(max(1, a / b)),  # torch.optim._muon._adjust_lr
    "match_rms_adamw": lambda a, b: 0.2 * sqrt(max(a, b)),  # the same
    "spectral_unclamped": lambda a, b: sqrt(a / b),  # pytorch #187402
    "none": lambda a, b: 1.0,
    "spectral": lambda a, b: max(a, b) ** 0.5,  # Emerging-Optimizers, get_muon_scale_factor
    "unit_rms_norm": lambda a, b: (a / b) ** 0.5,  # the same
    "shape_scaling": lambda a, b: max(1.0, a / b) ** 0.5,  # the same
    "consistent_rms": lambda a, b: 0.2 * sqrt(max(b, a)),  # optax's recommended consistent_rms=0.2
    "keller_jordan": lambda a, b: max(1, a / b) ** 0.5,  # muon_update: grad.size(-2)/grad.size(-1)
    "moonlight": lambda a, b: 0.2 * sqrt(max(a, b)),  # adjust_lr_for_muon
    "dion": lambda a, b: sqrt(a / b),  # adjust_lr_spectral_norm
    "dion_rms_norm": lambda a, b: 0.2 * sqrt(max(a, b)),  # adjust_lr_rms_norm
    "rms_to_rms": lambda a, b: (a / b) ** 0.5,  # timm, get_lr_scale
}
LR, DECAY, MOMENTUM = 0.01, 0.1, 0.95


def recipe(convention: str, lr: float = LR) -> Recipe:
    return loads(f"""
name: t
model: {{build: gpt, args: {{vocab_size: 256, head_dim: 8}}}}
data: {{source: stdlib, seq_len: 16}}
optimizer: {{name: muon, lr: {lr}, adjust_lr: {convention}, adamw_lr: 0.01, weight_decay: {DECAY}}}
base: {{width: 16, depth: 1, batch: 4, steps: 15}}
""").recipe


def orthogonalized(matrix: Tensor, *_: Any) -> Tensor:
    """Newton-Schulz as Jordan et al. give it, in the matrix's own precision."""
    x = matrix.T if len(matrix) > len(matrix.T) else matrix
    x = x / x.norm().clamp(min=1e-8)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if len(matrix) > len(matrix.T) else x


def reference_loss(convention: str, size: Size, lr: float = LR) -> float:
    """The validation loss after training by the formulas, in float64.

    At the base a hidden matrix of shape (a, b) moves by lr · factor(a, b) · O. Elsewhere the
    spectral norm of its update grows like √(m_out/m_in), which is 1 for every matrix of the gpt.
    What decays per step, lr · weight decay, is the same everywhere.
    """
    factory = ProxyFactory(recipe(convention, lr))
    trial = Trial.of(factory, size)
    subject = factory.build(size, 0, trial.plan)
    assert subject.loss is not None
    parameters = dict(subject.model.named_parameters())
    planned = {t.name: t for t in trial.plan.tensors}
    hidden = {n: p for n, p in parameters.items() if planned[n].role == "hidden"}
    adamw = torch.optim.AdamW(
        [
            {"params": [p], "lr": planned[n].lr, "weight_decay": planned[n].weight_decay,
             "eps": planned[n].eps, "betas": trial.plan.betas}
            for n, p in parameters.items() if n not in hidden
        ]
    )  # fmt: skip
    peaks = [group["lr"] for group in adamw.param_groups]
    buffers = {n: torch.zeros_like(p) for n, p in hidden.items()}
    data = data_stream(factory, subject, size, 0)
    subject.model.train()
    for step in range(size.steps):
        share = trial.schedule.lr_factor(step, size.steps)
        for group, peak in zip(adamw.param_groups, peaks, strict=True):
            group["lr"] = peak * share
        subject.model.zero_grad()
        subject.loss(subject.model, data.batch(step)).backward()
        adamw.step()
        with torch.no_grad():
            for name, p in hidden.items():
                assert p.grad is not None
                buffers[name] = MOMENTUM * buffers[name] + (1 - MOMENTUM) * p.grad
                nesterov = (1 - MOMENTUM) * p.grad + MOMENTUM * buffers[name]
                factor = PUBLISHED[convention](*planned[name].base_shape)
                p *= 1 - lr * DECAY * share
                p -= lr * factor * share * orthogonalized(nesterov)
    return mean_loss(subject, data.validation, torch.device("cpu"))


@pytest.fixture
def precise(double: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything in float64, the iteration of torch's class and of populations included."""
    monkeypatch.setattr(torch.optim._muon, "_zeropower_via_newtonschulz", orthogonalized)
    monkeypatch.setattr(newton_schulz, "PRECISION", torch.float64)


@pytest.mark.parametrize("convention", LR_ADJUSTMENTS.names)
@pytest.mark.parametrize("width", [16, pytest.param(64, marks=pytest.mark.slow)])
def test_losses_are_those_of_the_published_formula(
    convention: str, width: int, precise: None
) -> None:
    """A trial by itself, and two in a population, at the base and at four times its width."""
    size = Size(width, 1, 4, 15)
    factory = ProxyFactory(recipe(convention))
    trials = [Trial.of(factory, size, 0, {"lr": lr}) for lr in (LR, LR / 2)]
    right = [reference_loss(convention, size), reference_loss(convention, size, LR / 2)]
    one_by_one = train_trial(trials[0]).loss
    assert one_by_one == pytest.approx(right[0], rel=1e-5)
    population = dict(train_population(trials))
    assert [population[0].loss, population[1].loss] == pytest.approx(right, rel=1e-5)
    # the control: the conventions differ by more than that
    other = "spectral" if convention != "spectral" else "original"
    assert reference_loss(other, size) != pytest.approx(right[0], rel=1e-3)


def test_every_convention_has_a_published_formula_here() -> None:
    assert set(PUBLISHED) == set(LR_ADJUSTMENTS.names)


@pytest.mark.parametrize("convention", class_adjustments())
def test_against_torch_with_its_own_name_of_the_convention(convention: str) -> None:
    """torch's class, given our convention under its own name, with the plan's rates as they are."""
    size = Size(64, 1, 4, 15)
    factory = ProxyFactory(recipe(convention))
    trial = Trial.of(factory, size)
    optimizer = factory.build_with_optimizer(size, 0, trial.plan).optimizer
    groups = [g for g in optimizer.param_groups if "ns_steps" in g]
    assert {g["adjust_lr_fn"] or "original" for g in groups} == {convention}
    planned = {t.lr for t in trial.plan.tensors if t.role == "hidden"}
    assert {g["lr"] for g in groups} == planned
    right = train_trial(trial).loss
    assert dict(train_population([trial]))[0].loss == pytest.approx(right, rel=5e-3)
