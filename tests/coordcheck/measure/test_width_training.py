"""Each tensor is measured where it first moves, whatever module uses it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from mutransfer_cli import InputError, Subject, check
from tests.helpers.check_subjects import WIDTHS, failed, small_loss, small_subject, subject


def test_not_a_number_at_init() -> None:
    def build(width: int) -> Subject:
        made = small_subject(width)
        made.loss = lambda model, b: small_loss(model, b) * float("nan")
        return made

    with pytest.raises(InputError, match="loss: not finite at init, at width 64"):
        check(build, WIDTHS)


def test_decay_before_the_first_gradient_is_no_update() -> None:
    """Behind a zero readout the first step moves the other tensors by decay alone."""
    report = check(
        subject(
            lr=lambda n, m: m if n == "third.weight" else 1,
            std=lambda n, m: 0.0 if "readout" in n else 1,
            decay=lambda m: 1.0,
        ),
        WIDTHS,
    )
    assert failed(report) == {"third.weight": "lr-too-large"}


def test_a_model_that_views_its_targets() -> None:
    """As nanoGPT's does, which asks for contiguous tensors."""

    def build(width: int, seed: int) -> Subject:
        made = subject("gpt")(width, seed)

        def loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
            logits = model(batch[0])
            return nn.functional.cross_entropy(logits.view(-1, 32), batch[1].view(-1))

        return Subject(made.model, made.optimizer, loss, made.batch)

    assert check(build, WIDTHS).passed


def test_two_recurrent_layers() -> None:
    """What the upper layer's states are made of shrinks with its biases, as torch draws them."""

    class Reader(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.token = nn.Embedding(50, width)
            self.states = nn.LSTM(width, width, num_layers=2, batch_first=True)
            self.norm, self.readout = nn.LayerNorm(width), nn.Linear(width, 50, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.readout(self.norm(self.states(self.token(x))[0]))
            return out

    def build(width: int) -> Subject:
        def loss(model: nn.Module, b: Any) -> torch.Tensor:
            return nn.functional.cross_entropy(model(b[0]).flatten(0, 1), b[1].flatten())

        def batch(seed: int) -> Any:
            x = torch.randint(0, 50, (4, 17), generator=torch.Generator().manual_seed(seed))
            return x[:, :-1], x[:, 1:]

        return Subject(Reader(width), None, loss, batch)

    report = check(build, WIDTHS)
    assert report.passed, failed(report)


def test_a_shared_embedding_whose_own_module_is_never_called() -> None:
    """As BART keeps it: encoder and decoder look up in modules of their own; logits over m."""

    class Shared(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.inner = nn.Module()
            self.inner.shared, self.inner.used = nn.Embedding(50, width), nn.Embedding(50, width)
            self.inner.used.weight = self.inner.shared.weight
            nn.init.normal_(self.inner.shared.weight)
            self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
            self.norm, self.readout = nn.LayerNorm(width), nn.Linear(width, 50, bias=False)
            self.readout.weight = self.inner.shared.weight
            self.m = width / 64

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = torch.relu(self.first(self.inner.used(x)))
            out: torch.Tensor = self.readout(self.norm(self.second(h)) / self.m)
            return out

    def build(width: int) -> Subject:
        model = Shared(width)
        groups = [
            {"params": [p], "lr": 1e-3 / model.m if p.dim() == 2 and p.shape[0] != 50 else 1e-3}
            for p in model.parameters()
        ]

        def batch(seed: int) -> Any:
            x = torch.randint(0, 50, (4, 9), generator=torch.Generator().manual_seed(seed))
            return x[:, :-1], x[:, 1:]

        def loss(model: nn.Module, b: Any) -> torch.Tensor:
            return nn.functional.cross_entropy(model(b[0]).flatten(0, 1), b[1].flatten())

        return Subject(model, torch.optim.Adam(groups), loss, batch)

    report = check(build, WIDTHS)
    assert report.passed, failed(report)


class Temperature(nn.Module):
    """Classes by cosine, with a learned temperature of the model's own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(16, width), nn.Linear(width, width)
        self.log_scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = nn.functional.normalize(self.last(torch.relu(self.first(x))), dim=-1)
        return h @ h.T * self.log_scale.exp()


@pytest.mark.parametrize("power", [-1.0, 0.0])
def test_the_effect_of_one_tensor_without_the_steps_of_the_others(power: float) -> None:
    """The model is run again for its own tensor, with all others as they were in the pass."""

    def build(width: int) -> Subject:
        model = Temperature(width)
        rates = {id(model.last.weight): (width / WIDTHS[0]) ** power}
        groups = [{"params": [p], "lr": 1e-2 * rates.get(id(p), 1)} for p in model.parameters()]

        def batch(seed: int) -> torch.Tensor:
            return torch.randn(8, 16, generator=torch.Generator().manual_seed(seed))

        def loss(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.cross_entropy(model(x), torch.arange(8).roll(1))

        return Subject(model, torch.optim.Adam(groups, eps=1e-12), loss, batch)

    expected = {} if power else {"last.weight": "lr-too-large"}
    assert failed(check(build, WIDTHS)) == expected


class Spectral(nn.Module):
    """A Fourier layer with complex weights, between two linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lift, self.head = nn.Linear(2, width), nn.Linear(width, 1)
        self.w = nn.Parameter(torch.randn(width, width, 4, dtype=torch.cfloat) / width**0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        f = torch.fft.rfft(self.lift(x), dim=1)[:, :4]
        h = torch.fft.irfft(torch.einsum("bmi,iom->bmo", f, self.w), n=x.shape[1], dim=1)
        return self.head(nn.functional.gelu(h))


def spectral(lr: float, init: float) -> Any:
    """Exponents by which the complex weight's rate and init are wrong."""

    def build(width: int) -> Subject:
        model, m = Spectral(width), width / WIDTHS[0]
        with torch.no_grad():
            model.head.weight.mul_(m**-0.5)
            model.w.mul_(m**init)
        rates = {id(model.w): m ** (lr - 1), id(model.head.weight): 1 / m}
        groups = [{"params": [p], "lr": 1e-3 * rates.get(id(p), 1)} for p in model.parameters()]

        def batch(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
            generator = torch.Generator().manual_seed(seed)
            x, y = (torch.randn(4, 8, n, generator=generator) for n in (2, 1))
            return x, y

        def loss(model: nn.Module, b: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
            return nn.functional.mse_loss(model(b[0]), b[1])

        return Subject(model, torch.optim.Adam(groups, eps=1e-12), loss, batch)

    return build


@pytest.mark.parametrize(
    ("lr", "init", "found"),
    [(0.0, 0.0, {}), (1.0, 0.0, {"w": "lr-too-large"}), (0.0, 0.5, {"w": "init-too-large"})],
)
def test_complex_weights(lr: float, init: float, found: dict[str, str]) -> None:
    assert failed(check(spectral(lr, init), WIDTHS)) == found


class LinearRecurrence(nn.Module):
    """A linear recurrent unit with a state of fixed size, whose weights are computed (LRU)."""

    def __init__(self, width: int, states: int = 32) -> None:
        super().__init__()
        self.lift, self.norm = nn.Linear(2, width), nn.LayerNorm(width)
        self.decay, self.gain = nn.Parameter(torch.rand(states)), nn.Parameter(torch.zeros(states))
        self.b_re, self.b_im = (nn.Parameter(torch.randn(states, width)) for _ in range(2))
        self.c_re, self.c_im = (nn.Parameter(torch.randn(width, states)) for _ in range(2))
        self.head = nn.Linear(width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        u = self.norm(self.lift(x))
        b = torch.complex(self.b_re, self.b_im) * self.gain.exp()[:, None]
        decay = torch.exp(torch.complex(-self.decay.exp(), self.decay))
        h, states = 0, []
        for t in range(u.shape[1]):
            h = decay * h + u[:, t].to(b.dtype) @ b.T
            states.append((h @ torch.complex(self.c_re, self.c_im).T).real)
        out: torch.Tensor = self.head(u + torch.stack(states, 1))
        return out


def recurrence(wrong: str = "", drawn: str = "", power: float = 0.0) -> Any:
    """The recurrence with states of readouts' size at init.

    Args:
        wrong: A tensor that learns at m times its rate.
        drawn: A tensor whose init is m^power times the right one.
        power: That power.
    """

    def build(width: int) -> Subject:
        model, m = LinearRecurrence(width), width / WIDTHS[0]
        inits = {"b_re": 1 / width, "b_im": 1 / width, "c_re": 0.2, "c_im": 0.2}
        with torch.no_grad():
            model.head.weight.mul_(m**-0.5)
            for name, std in inits.items():
                getattr(model, name).mul_(std * (m**power if name == drawn else 1.0))
        factors = {"b_re": 1 / m, "b_im": 1 / m, "head.weight": 1 / m}
        factors[wrong] = factors.get(wrong, 1.0) * m
        groups = [
            {"params": [p], "lr": 1e-3 * factors.get(name, 1.0)}
            for name, p in model.named_parameters()
        ]

        def batch(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
            generator = torch.Generator().manual_seed(seed)
            x, y = (torch.randn(8, 3, n, generator=generator) for n in (2, 1))
            return x, y

        def loss(model: nn.Module, b: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
            return nn.functional.mse_loss(model(b[0]), b[1])

        return Subject(model, torch.optim.Adam(groups, eps=1e-12), loss, batch)

    return build


@pytest.mark.parametrize("wrong", ["", pytest.param("b_im", marks=pytest.mark.slow), "c_re"])
def test_weights_that_are_computed(wrong: str) -> None:
    """Real and imaginary parts are judged apart, where the complex weight acts."""
    found = {wrong: "lr-too-large"} if wrong else {}
    assert failed(check(recurrence(wrong), WIDTHS)) == found


@pytest.mark.parametrize(
    ("drawn", "power", "found"),
    [
        ("c_re", 0.5, {"c_re": "init-too-large"}),
        pytest.param("c_im", -0.5, {"c_im": "init-too-small"}, marks=pytest.mark.slow),
        ("b_re", 0.5, {}),  # std width^-1/2: states of order 1, as right as a readout's
        ("b_re", 1.0, {"b_re": "init-too-large"}),
    ],
)
def test_inits_behind_a_state_of_fixed_size(
    drawn: str, power: float, found: dict[str, str]
) -> None:
    """States that shrink at init are of order 1 once they learn: what reads them makes up for it.

    The output of a layer C·h with n-independent fan-in is of order 1 only for C of order 1,
    whatever h is at init (Tensor Programs V, appendix J: h's updates are of order 1).
    """
    assert failed(check(recurrence(drawn=drawn, power=power), WIDTHS)) == found
