"""Tensors without a gradient: those that cannot matter, and those that somebody cut off."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import Subject, check
from mutransfer_cli.coordcheck.measure.idle_tensors import idle_tensors

TRAINED = {"first.weight", "first.bias", "hidden.weight", "hidden.bias", "last.weight"}


class Hamiltonian(nn.Module):
    """A field that is the gradient of a network's output: its last bias falls out."""

    def __init__(self, width: int, mistake: str = "") -> None:
        super().__init__()
        self.first, self.hidden = nn.Linear(2, width), nn.Linear(width, width)
        self.last, self.mistake = nn.Linear(width, 1), mistake

    def energy(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.first(x))
        if self.mistake == "detached":
            h = torch.tanh(F.linear(h, self.hidden.weight, self.hidden.bias.detach()))
        else:
            h = torch.tanh(self.hidden(h))
        y: Tensor = self.last(h)
        return y

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(self.energy(x).sum(), x, create_graph=True)
        return gradient.flip(-1)


def points(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(8, 2, generator=generator), torch.randn(8, 2, generator=generator)


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.mse_loss(model(batch[0]), batch[1])


def subject(width: int, mistake: str = "") -> Subject:
    model = Hamiltonian(width, mistake)
    nn.init.normal_(model.last.weight, std=1 / width)
    scaled = 64 / width
    groups = [
        {"params": [p], "lr": 1e-3 * (scaled if n in {"hidden.weight", "last.weight"} else 1.0)}
        for n, p in model.named_parameters()
    ]
    return Subject(model, torch.optim.Adam(groups, eps=1e-12), loss, points)


def test_a_bias_that_the_loss_cannot_see_is_idle() -> None:
    made = subject(16)
    before = made.model.last.bias.detach().clone()
    assert idle_tensors(made, points(0), TRAINED) == {"last.bias"}
    assert torch.equal(made.model.last.bias, before)


def test_one_that_the_loss_sees_is_not() -> None:
    """Detached, it has no gradient, but another value changes the loss."""
    made = subject(16, "detached")
    assert idle_tensors(made, points(0), TRAINED - {"hidden.bias"}) == {"last.bias"}


def test_a_layer_that_nothing_trains_is_not_idle() -> None:
    assert idle_tensors(subject(16), points(0), {"first.weight"}) == set()


@pytest.mark.parametrize("mistake", ["", "detached"])
def test_the_check_lists_it_and_still_finds_the_other(mistake: str) -> None:
    report = check(lambda width: subject(width, mistake), (32, 64, 128))
    found = {t.name: t.finding for t in report.tensors if t.verdict == "fail"}
    assert found == ({"hidden.bias": "not-trained"} if mistake else {})
    assert any("last.bias" in note for note in report.document.notes)


class Skips(nn.Module):
    """Blocks with a skip and a residual output: nothing reads the residual of the last one."""

    def __init__(self, width: int, mistake: str = "") -> None:
        super().__init__()
        self.embed, self.mistake = nn.Linear(2, width), mistake
        self.skip = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.residual = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.last = nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        x, total = self.embed(x), torch.zeros(())
        for skip, residual in zip(self.skip, self.residual, strict=True):
            z = torch.tanh(x)
            total = total + skip(z)
            branch = residual(z)
            x = x + (branch.detach() if self.mistake == "detached" else branch)
        y: Tensor = self.last(torch.relu(total))
        return y


@pytest.mark.parametrize(("mistake", "failing"), [("", set()), ("detached", {"residual.0"})])
def test_a_layer_whose_output_nothing_reads(mistake: str, failing: set[str]) -> None:
    """The control: one whose output the loss sees without a gradient."""

    def build(width: int) -> Subject:
        model = Skips(width, mistake)
        scaled = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
        rest = [p for p in model.parameters() if all(p is not s for s in scaled)]
        nn.init.normal_(model.last.weight, std=1 / width)
        groups = [{"params": scaled, "lr": 1e-3 * 64 / width}, {"params": rest, "lr": 1e-3}]
        return Subject(model, torch.optim.Adam(groups, eps=1e-12), loss, points)

    report = check(build, (32, 64, 128))
    found = {t.name.rpartition(".")[0] for t in report.tensors if t.finding == "not-trained"}
    assert found == failing
    assert all(t.verdict != "fail" for t in report.tensors if t.finding != "not-trained")
    assert any("residual.1.weight" in note for note in report.document.notes)


def test_a_layer_that_is_never_called_is_not_idle() -> None:
    made = Subject(Skips(16), loss=loss, batch=points)
    trained = {n for n, _ in made.model.named_parameters() if "residual.1" not in n}
    tensors = {"residual.1.weight", "residual.1.bias"}
    assert idle_tensors(made, points(0), trained, {"residual.1"}) == tensors
    assert idle_tensors(made, points(0), trained) == set()


class Mixer(nn.Module):
    """Mixes four tokens; a norm takes off what the bias of the mixing adds to a whole token."""

    def __init__(self, width: int, normed: bool) -> None:
        super().__init__()
        self.patch, self.tokens = nn.Linear(6, width), nn.Linear(4, 4)
        self.norm = nn.LayerNorm(width) if normed else nn.Identity()
        self.head = nn.Linear(width, 3)
        nn.init.normal_(self.head.weight, std=1 / width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x)
        x = x + self.tokens(x.transpose(1, 2)).transpose(1, 2)
        y: Tensor = self.head(self.norm(x).mean(1))
        return y


def mixer(width: int, normed: bool) -> Subject:
    """Under SGD; the bias of the tokens is left out of the optimizer where no norm hides it."""
    model, m = Mixer(width, normed), width / 64
    powers = {"patch": m, "norm": m, "tokens": 1.0, "head.weight": 1 / m, "head.bias": 1.0}
    groups = [
        {"params": [p], "lr": 0.05 * next(f for part, f in powers.items() if name.startswith(part))}
        for name, p in model.named_parameters()
        if normed or name != "tokens.bias"
    ]

    def batch(seed: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(8, 4, 6, generator=generator), torch.arange(8) % 3

    def entropy(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(batch[0]), batch[1])

    return Subject(model, torch.optim.SGD(groups, lr=0.05), entropy, batch)


@pytest.mark.parametrize("normed", [True, False])
def test_a_gradient_of_rounding_errors_is_no_fault(normed: bool) -> None:
    """The control is a bias that matters and that no optimizer has."""
    report = check(lambda width: mixer(width, normed), (32, 64, 128))
    bias = next(t for t in report.tensors if t.name == "tokens.bias")
    others = {t.verdict for t in report.tensors if t is not bias}
    assert others == {"pass"}
    if normed:
        assert bias.verdict == "not judged" and report.passed
    else:
        assert bias.finding == "not-trained"
