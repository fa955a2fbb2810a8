"""The eigenframework against kernel regression, and the kernel of a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.eigenframework import (
    Spectrum,
    measured_error,
    predicted_error,
)
from mutransfer_cli.probes.kernel import judge, tangent_kernel
from mutransfer_cli.probes.probe_run import run_probe
from mutransfer_cli.probes.subject.trainee import Trainee


def test_a_flat_spectrum_by_hand() -> None:
    """M equal modes, no ridge: each learned to n/M, E₀ = 1/(1 - n/M), error (1 - n/M) v²."""
    spectrum = Spectrum(np.full(100, 0.5), np.full(100, 0.01))
    assert predicted_error(spectrum, 25, 1e-9) == pytest.approx(0.75, rel=1e-6)


def test_it_predicts_kernel_regression() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 10))
    x *= 10**0.5 / np.linalg.norm(x, axis=1, keepdims=True)
    kernel = np.exp(-((x[:, None] - x[None]) ** 2).sum(2) / 8)
    target = np.sin(x[:, 0]) + 0.3 * x[:, 1] * x[:, 2]
    spectrum = Spectrum.of(kernel, target - target.mean())
    for n in (20, 80):
        errors = [measured_error(kernel, target - target.mean(), n, 0.01, rng) for _ in range(200)]
        assert np.mean(errors) == pytest.approx(predicted_error(spectrum, n, 0.01), rel=0.05)
    wrong = Spectrum(spectrum.values[::-1], spectrum.weights)  # the control
    assert predicted_error(wrong, 80, 0.01) > 2 * predicted_error(spectrum, 80, 0.01)


def test_the_tangent_kernel_of_a_linear_model_is_that_of_its_inputs() -> None:
    model = nn.Linear(3, 2)
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    trainee = Trainee(model, None, lambda m, b: m(b).sum(), lambda i: x, lambda i: 0.0, 1, {})
    assert tangent_kernel(trainee, x) == pytest.approx((x @ x.T + 1).numpy(), rel=1e-5)


class Pair(nn.Module):
    """Returns a tuple, as a mixture's weights and means."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = self.model(x)
        return y, 2 * y


class Conditioned(Pair):
    """Takes more than the inputs."""

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]  # two
        return super().forward(x + t)


def test_a_model_that_returns_several_tensors() -> None:
    """Its kernel is that of the first; one that takes more than inputs is refused in one line."""
    model = nn.Linear(3, 2)
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    pair = Trainee(Pair(model), None, lambda m, b: m(b)[0].sum(), lambda i: x, lambda i: 0.0, 1, {})
    assert tangent_kernel(pair, x) == pytest.approx((x @ x.T + 1).numpy(), rel=1e-5)
    pair.model = Conditioned(model)
    with pytest.raises(InputError, match="forward pass on inputs alone"):
        tangent_kernel(pair, x)


MIXTURE = """
import torch
from torch import nn
from mutransfer_cli import Subject

class Mixture(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body, self.head = nn.Linear(4, width), nn.Linear(width, 6)

    def forward(self, x):
        return self.head(torch.tanh(self.body(x))).split(2, -1)  # weights, means, log widths

def loss(model, batch):
    x, y = batch
    weights, means, widths = model(x)
    parts = torch.distributions.Normal(means, widths.exp()).log_prob(y)
    return -torch.logsumexp(weights.log_softmax(-1) + parts, -1).mean()

def square(model, batch):
    return ((model(batch[0])[0][:, :1] - batch[1]) ** 2).mean()

def make(width, seed, loss):
    torch.manual_seed(seed)
    def batch(seed):
        x = torch.randn(128, 4, generator=torch.Generator().manual_seed(seed))
        return x, x[:, :1] * x[:, 1:2]
    model = Mixture(width)
    return Subject(model, torch.optim.Adam(model.parameters(), lr=0.01), loss, batch)

def mixture(width, seed=0):
    return make(width, seed, loss)

def first(width, seed=0):
    return make(width, seed, square)
"""


def test_of_a_mixture_the_first_output_is_no_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own errors are left out, and a note says why; of a loss of it alone they stay."""
    (tmp_path / "mixtures.py").write_text(MIXTURE)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, own in (("mixture", False), ("first", True)):
        document = run_probe("kernel", f"mixtures:{name}")
        assert any("of the network" in m.name for m in document.measures) == own, name
        assert ("the network itself" in document.reason) == own
        assert any("is no prediction" in note for note in document.notes) != own
        assert len([m for m in document.measures if m.name == "mean squared error"]) == 8
        assert "learning features" not in (document.advice or "") or own


def test_the_verdict() -> None:
    near = Interval(value=1.01, low=0.97, high=1.05)
    far = Interval(value=1.2, low=1.1, high=1.3)
    open_ratio = Interval(value=1.08, low=1.0, high=1.16)
    assert judge([near])[0] == "pass"
    assert judge([near, far])[0] == "fail"
    assert judge([near, open_ratio])[0] == "inconclusive"


RECIPE = """
name: small
model: {build: mlp, args: {activation: tanh}}
optimizer: {name: adamw, lr: 0.01}
data: {source: teacher, d_in: 8, d_out: 4}
base: {width: 32, depth: 1, batch: 64, steps: 50}
ladder: {width: [32, 64]}
"""


def test_a_model(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE)
    document = run_probe("kernel", str(path))
    assert document.verdict in ("pass", "inconclusive"), document.reason
    own = [m for m in document.measures if m.name == "mean squared error of the network"]
    assert [m.at["examples"] for m in own] == [50 * 64] and own[0].estimate.value > 0
    assert "the network itself, with 3200, leaves" in document.reason
    networks = [m for m in document.measures if m.name == "mean squared error of networks"]
    assert [m.at["examples"] for m in networks] == [16, 32, 64, 128]
    few, many = networks[0].estimate, networks[-1].estimate
    assert many.value < few.value
    assert many.value > own[0].estimate.value  # 128 examples against 3200
    (curve,) = [s for s in document.series if s.name == "network"]
    assert curve.y == pytest.approx([m.estimate.value for m in networks])
    for m in document.measures:
        if m in own or m in networks:
            continue
        assert m.expected is not None
        assert m.estimate.value == pytest.approx(m.expected, rel=0.1)
    gpt = (
        "model={build: gpt, args: {head_dim: 16}}",
        "data={source: stdlib, seq_len: 16}",
        "optimizer.lr=0.01",
    )
    with pytest.raises(InputError, match="one target for each example"):
        run_probe("kernel", str(path), (*gpt, "ladder.width=[32]"))
