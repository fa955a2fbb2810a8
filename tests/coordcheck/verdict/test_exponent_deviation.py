"""What is judged, and what a tensor inherits from others."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mutransfer_cli import Subject, check
from tests.helpers.check_subjects import BIAS, WIDTHS, failed, subject


def test_the_bias_of_keys_is_not_judged() -> None:
    """It moves every score of a query alike, which a softmax ignores: its gradient is rounding.

    The bias of values beside it is judged: with a wrong rate it fails.
    """

    class Attend(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first, self.readout = nn.Linear(16, width), nn.Linear(width, 4, bias=False)
            self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = nn.functional.layer_norm(self.first(x), (self.q.in_features,))[None]
            q, k, v = (
                f(h).unflatten(-1, (-1, 16)).transpose(1, 2) for f in (self.q, self.k, self.v)
            )
            y = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
            out: torch.Tensor = self.readout(y[0] * 64 / y.shape[-1])
            return out

    def build(width: int, seed: int, power: float = 0.0) -> Subject:
        torch.manual_seed(seed)
        model, plain, m = Attend(width), subject()(width, seed), width / 64
        nn.init.normal_(model.first.weight, std=0.25)
        nn.init.normal_(model.readout.weight, std=0.125)
        hidden = {f"{n}.weight" for n in "qkv"}
        rates = {n: m**-1 if n in hidden else 1.0 for n, _ in model.named_parameters()}
        rates["k.bias"], rates["v.bias"] = m, m**power
        groups = [{"params": [p], "lr": 1e-3 * rates[n]} for n, p in model.named_parameters()]
        return Subject(model, torch.optim.Adam(groups, eps=1e-12), plain.loss, plain.batch)

    assert failed(check(build, WIDTHS)) == {}
    assert failed(check(lambda width, seed: build(width, seed, 1.0), WIDTHS)) == {
        "v.bias": "lr-too-large"
    }


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_the_bias_of_a_scaled_readout_is_judged_by_itself(kind: str) -> None:
    """What the readout gets is divided by m; the update of its bias is not."""
    found = failed(check(subject("mlp", kind, lr=lambda n, m: 1 / m if n == BIAS else 1), WIDTHS))
    assert found == {BIAS: "lr-too-small"}


class Towers(nn.Module):
    """Two towers whose products over the width, times 1/width, are the scores of all pairs."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a, self.b = (
            nn.Sequential(nn.Linear(16, width), nn.ReLU(), nn.Linear(width, width))
            for _ in range(2)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = self.a(x), self.b(x.flip(1))
        scores: torch.Tensor = a @ b.T * (8 / a.shape[1])
        return scores


def contrastive(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(model(batch), torch.arange(len(batch)))


def test_the_last_bias_of_a_tower_is_judged_by_its_rate() -> None:
    """Gradients of a contrastive loss cancel in it; with SGD, vectors need the rate m."""

    def build(width: int, seed: int, power: float = 1.0) -> Subject:
        torch.manual_seed(seed)
        model, m = Towers(width), width / 64
        hidden = {"a.2.weight", "b.2.weight"}
        rates = {n: 1.0 if n in hidden else m for n, _ in model.named_parameters()}
        rates["a.2.bias"] = m**power
        groups = [{"params": [p], "lr": 0.05 * rates[n]} for n, p in model.named_parameters()]
        return Subject(
            model, torch.optim.SGD(groups), contrastive,
            lambda s: torch.randn(8, 16, generator=torch.Generator().manual_seed(s)),
        )  # fmt: skip

    assert failed(check(build, WIDTHS)) == {}
    found = failed(check(lambda width, seed: build(width, seed, 0.0), WIDTHS))
    assert found == {"a.2.bias": "lr-too-small"}


class Coupling(nn.Module):
    """An affine coupling layer (RealNVP, arXiv 1605.08803) that starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a, self.b, self.st = nn.Linear(3, width), nn.Linear(width, width), nn.Linear(width, 6)
        nn.init.zeros_(self.st.weight)
        nn.init.zeros_(self.st.bias)

    def forward(self, x: torch.Tensor, volume: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        kept, changed = x.chunk(2, -1)
        scale, shift = self.st(torch.relu(self.b(torch.relu(self.a(kept))))).chunk(2, -1)
        scale = scale.tanh()
        return torch.cat([changed * scale.exp() + shift, kept], -1), volume + scale.sum(-1)


class Flow(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Coupling(width) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        volume = x.new_zeros(len(x))
        for layer in self.layers:
            x, volume = layer(x, volume)
        return volume - x.square().sum(-1) / 2


def test_biases_before_a_wrong_layer_that_starts_at_zero_are_not_blamed() -> None:
    """Once it has moved too far, gradients of all before it grow with the width, not their rates.

    Rates of SGD by Tensor Programs V (arXiv 2203.03466, Table 3): m for inputs and biases, 1 for
    hidden matrices, 1/m for matrices onto a fixed number.
    """
    rates_of = {"a.weight": 1, "a.bias": 1, "b.weight": 0, "b.bias": 1, "st.weight": -1}

    def data(seed: int) -> torch.Tensor:
        x = torch.randn(128, 6, generator=torch.Generator().manual_seed(seed))
        return torch.cat([x[:, :3], 0.4 * x[:, 3:] + x[:, :3].square()], -1)

    def build(width: int, seed: int, wrong: str = "") -> Subject:
        torch.manual_seed(seed)
        model, m = Flow(width), width / 64
        groups = [
            {
                "params": [p],
                "lr": 0.05 * m ** (rates_of.get(name.split(".", 2)[2], 0) + (name == wrong)),
            }
            for name, p in model.named_parameters()
        ]
        return Subject(model, torch.optim.SGD(groups), lambda net, x: -net(x).mean(), data)

    assert failed(check(build, WIDTHS)) == {}
    for name in ("layers.0.st.weight", "layers.0.b.bias"):
        found = check(lambda width, seed, name=name: build(width, seed, name), WIDTHS)
        assert failed(found) == {name: "lr-too-large"}


class Skip(nn.Module):
    """A layer whose input joins features with a larger part that does not grow, as in a NeRF."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(16, width), nn.Linear(width + 16, width)
        self.third, self.readout = nn.Linear(width, width), nn.Linear(width, 4, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.cat([x, 0.4 * torch.relu(self.first(x))], -1)
        h = torch.relu(self.third(torch.relu(self.second(h))))
        out: torch.Tensor = self.readout(h * 64 / self.third.in_features)
        return out


@pytest.mark.parametrize("power", [0.0, 0.5, -0.5])
def test_an_init_behind_an_input_of_which_a_part_does_not_grow(power: float) -> None:
    """The input's size goes like m^-0.3 at these widths, and must not hide an error of the init."""

    def build(width: int, seed: int) -> Subject:
        torch.manual_seed(seed)
        model, plain, m = Skip(width), subject()(width, seed), width / 64
        with torch.no_grad():
            nn.init.normal_(model.readout.weight, std=0.125)
            model.second.weight.mul_(m**power)
        fans = {"second.weight": 80 / (width + 16), "third.weight": 1 / m}
        groups = [
            {"params": [p], "lr": 1e-3 * fans.get(n, 1.0)} for n, p in model.named_parameters()
        ]
        return Subject(model, torch.optim.Adam(groups, eps=1e-12), plain.loss, plain.batch)

    size = {0.5: "init-too-large", -0.5: "init-too-small"}
    found = failed(check(build, WIDTHS))
    assert found == ({"second.weight": size[power]} if power else {})


class Joined(nn.Module):
    """A layer whose input joins hidden units with one large feature, alike at every width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(16, width), nn.Linear(width + 1, width)
        self.readout = nn.Linear(width, 4, bias=False)
        nn.init.normal_(self.readout.weight, std=0.125)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.relu(self.first(x))
        h = torch.relu(self.second(torch.cat([h, torch.full_like(h[:, :1], 16.0)], -1)))
        out: torch.Tensor = self.readout(h) * 64 / h.shape[1]
        return out


@pytest.mark.parametrize(("kind", "power"), [("sgd", 0.0), ("sgd", 1.0), ("adam", 0.5)])
def test_the_rate_of_a_layer_of_which_one_feature_does_not_grow(kind: str, power: float) -> None:
    """The feature's part of the effect shrinks like 1/m, and must not hide a rate of the power m.

    Two samples have the overlap (h · h' + 16²) / (n + 1) in the input, of which h · h' grows with n
    and 256 does not: at width 64 the feature outweighs the rest (by hand).
    """

    def build(width: int, seed: int) -> Subject:
        torch.manual_seed(seed)
        model, plain, m = Joined(width), subject()(width, seed), width / 64
        hidden, other = (1.0, m) if kind == "sgd" else (1 / m, 1.0)
        rates = {n: other for n, _ in model.named_parameters()}
        rates["second.weight"] = hidden * m**power
        groups = [{"params": [p], "lr": rates[n] / 20} for n, p in model.named_parameters()]
        if kind == "sgd":
            return Subject(model, torch.optim.SGD(groups), plain.loss, plain.batch)
        return Subject(model, torch.optim.Adam(groups, eps=1e-12), plain.loss, plain.batch)

    report = check(build, WIDTHS)
    assert failed(report) == ({"second.weight": "lr-too-large"} if power else {})
    repairs = [r for t in report.document.tensors for r in t.repairs]
    assert [(r.name, r.quantity, r.power) for r in repairs] == (
        [("second.weight", "lr", -power)] if power else []
    )
