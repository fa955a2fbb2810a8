"""Tensors are judged by the layer that uses them, also where its weight or its pass is repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, Normal
from torch.nn.utils import parametrizations, parametrize, prune
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from mutransfer_cli import Subject, check
from mutransfer_cli.coordcheck.measure.recorder import float_tensors, real_numbers, rms
from tests.helpers.check_subjects import WIDTHS, failed, small_batch, small_loss

Wrap = Callable[[nn.Module, Tensor], Tensor]


class Net(nn.Module):
    """An input, three hidden layers and a readout with std 1/width, as Table 3 wants it."""

    def __init__(self, width: int, run: Wrap) -> None:
        super().__init__()
        self.run = run
        self.first = nn.Linear(6, width)
        self.hidden = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, width), nn.ReLU(),
        )  # fmt: skip
        self.last = nn.Linear(width, 3)
        nn.init.normal_(self.last.weight, std=1 / width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.run(self.hidden, torch.relu(self.first(x))))
        return y


def build(
    run: Wrap = lambda hidden, x: hidden(x),
    change: Callable[[nn.Module], Any] = lambda layer: None,
    scaled: Callable[[str], bool] = lambda name: True,
) -> Callable[[int], Subject]:
    """Right where `scaled` is true of all matrices; `change` is made to two hidden layers."""

    def subject(width: int) -> Subject:
        model = Net(width, run)
        for layer in (model.hidden[2], model.hidden[4]):
            change(layer)

        def rate(name: str, p: Tensor) -> float:
            hidden = name.startswith("hidden") and p.dim() == 2 and min(p.shape) > 1
            return 64 / width if (hidden and scaled(name)) or name == "last.weight" else 1.0

        groups = [{"params": [p], "lr": 1e-3 * rate(n, p)} for n, p in model.named_parameters()]
        return Subject(model, torch.optim.Adam(groups, eps=1e-12), small_loss, small_batch)

    return subject


def without_reentry(hidden: nn.Module, x: Tensor) -> Tensor:
    y: Tensor = checkpoint(hidden, x, use_reentrant=False)
    return y


def with_reentry(hidden: nn.Module, x: Tensor) -> Tensor:
    y: Tensor = checkpoint(hidden, x, use_reentrant=True)
    return y


def in_segments(hidden: nn.Module, x: Tensor) -> Tensor:
    y: Tensor = checkpoint_sequential(hidden, 2, x, use_reentrant=False)
    return y


@pytest.mark.parametrize("run", [without_reentry, with_reentry, in_segments])
def test_checkpointed_layers_are_judged_as_others(run: Wrap) -> None:
    """A checkpoint repeats the forward pass during the backward pass, where no gradient arrives."""
    assert check(build(run), WIDTHS).passed
    report = check(build(run, scaled=lambda name: "hidden.2" not in name), WIDTHS)
    assert failed(report) == {"hidden.2.weight": "lr-too-large"}


class Mask(nn.Module):
    def __init__(self, shape: torch.Size) -> None:
        super().__init__()
        self.register_buffer("keep", (torch.rand(shape) < 0.5).float())

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.keep


def masked(layer: nn.Module) -> None:
    assert isinstance(layer.weight, Tensor)
    parametrize.register_parametrization(layer, "weight", Mask(layer.weight.shape))


class Gain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.gain


def with_a_gain(layer: nn.Module) -> None:
    parametrize.register_parametrization(layer, "weight", Gain())


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (masked, "parametrizations.weight.original"),
        (with_a_gain, "parametrizations.weight.original"),
        (parametrizations.spectral_norm, "parametrizations.weight.original"),
        (lambda layer: prune.random_unstructured(layer, "weight", amount=0.5), "weight_orig"),
        (torch.nn.utils.spectral_norm, "weight_orig"),
    ],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weights_that_a_layer_computes(change: Callable[[nn.Module], Any], name: str) -> None:
    """What counts is the output of the layer, not the weight that is computed for it."""
    right = check(build(change=change), WIDTHS)
    assert right.passed, (right.document.reason, failed(right))
    wrong = check(build(change=change, scaled=lambda n: n != f"hidden.2.{name}"), WIDTHS)
    assert failed(wrong) == {f"hidden.2.{name}": "lr-too-large"}


def test_tensors_of_an_object() -> None:
    """Distributions, and whatever else has tensors as attributes."""
    mean, std = torch.zeros(3), torch.ones(3)
    assert [id(t) for t in float_tensors(Normal(mean, std))][:2] == [id(mean), id(std)]
    assert len(list(float_tensors(Independent(Normal(mean, std), 1)))) >= 2
    assert list(float_tensors(Categorical(logits=mean)))
    assert not list(float_tensors(("text", 3, nn.Linear(2, 2), None)))


def test_products_of_complex_numbers_are_changes_of_the_loss() -> None:
    """To first order the loss changes by the sum of products of its gradient and the step."""
    generator = torch.Generator().manual_seed(0)
    z, step = (torch.randn(5, dtype=torch.cdouble, generator=generator) for _ in range(2))
    z.requires_grad_()
    loss = (z * z.conj() * (1 + z.real)).real.sum()
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
    moved = (z + 1e-6 * step).detach()
    later = (moved * moved.conj() * (1 + moved.real)).real.sum()
    assert z.grad is not None
    product = float((real_numbers(step) * real_numbers(z.grad)).sum())
    assert product == pytest.approx(float(later - loss.detach()) / 1e-6, rel=1e-4)
    assert rms(torch.tensor([3j, 4.0])) == pytest.approx(12.5**0.5 / 2**0.5)
