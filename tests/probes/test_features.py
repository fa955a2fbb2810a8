"""Movement of features of models whose regime theory knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.feature_learning.trained_features import TrainedFeatures
from mutransfer_cli.probes.features import ADVICE, VERDICTS, advice_on, by_layer, regime_of
from mutransfer_cli.probes.probe_run import run_probe

RECIPE = """
name: small
model: {build: mlp, args: {activation: tanh}}
optimizer: {name: sgd, lr: 0.1}
data: {source: teacher, d_in: 16, d_out: 4}
schedule: {name: constant, warmup: 0.0}
base: {width: 32, depth: 2, batch: 64, steps: 30}
ladder: {width: [32, 64, 128, 256]}
"""
RELU = "model.args.activation=relu"
ADAM = "optimizer={name: adam, lr: 0.005}"
LION = "optimizer={name: lion, lr: 0.001, weight_decay: 0.0}"
MUON = "optimizer={name: muon, lr: 0.01, weight_decay: 0.0}"
# Under gradient descent, one learning rate and unit entries over the root of the fan-in, features
# move as width^-1/2 (arXiv 2011.14522, section 3). Under sp, one rate of Adam is too large for
# wide models (appendix J.2). `ntk` of a recipe has rates by tensor and is not lazy (2407.05872).
LAZY = """
import torch
from torch import nn
from mutransfer_cli import Subject
class Scaled(nn.Linear):
    def __init__(self, fan_in, fan_out):
        super().__init__(fan_in, fan_out, bias=False)
        nn.init.normal_(self.weight)
    def forward(self, x):
        return super().forward(x) / self.in_features**0.5
def make(width, seed, rate, kind, depth):
    torch.manual_seed(seed)
    layers = [Scaled(16, width), kind()]
    for _ in range(depth):
        layers += [Scaled(width, width), kind()]
    model = nn.Sequential(*layers, Scaled(width, 1))
    def batch(seed):
        x = torch.randn(64, 16, generator=torch.Generator().manual_seed(seed))
        return x, x[:, :1] * x[:, 1:2]
    loss = lambda m, b: ((m(b[0]) - b[1]) ** 2).mean()
    return Subject(model, torch.optim.SGD(model.parameters(), lr=rate), loss, batch)
def tanh(width, seed=0):
    return make(width, seed, 0.5, nn.Tanh, 1)
def slow(width, seed=0):
    return make(width, seed, 0.1, nn.Tanh, 1)
def deep(width, seed=0):
    return make(2 * width, seed, 0.2, nn.Tanh, 3)  # deeper: the limit is reached later
def relu(width, seed=0):
    return make(4 * width, seed, 0.2, nn.ReLU, 1)  # seeds of narrow ones scatter by a factor of 5
"""
LEARNED, LAZILY, UNSTABLE = "features are learned at every width", "lazy", "unstable"
CASES: list[tuple[str, tuple[str, ...], str]] = [
    ("recipe", (), LEARNED),
    ("recipe", (RELU,), LEARNED),
    ("recipe", (ADAM,), LEARNED),
    ("recipe", (LION,), LEARNED),
    ("recipe", (MUON,), LEARNED),
    ("recipe", ("parameterization=sp", ADAM), UNSTABLE),
    ("tanh", (), LAZILY),
    ("slow", (), LAZILY),
    ("deep", (), LAZILY),
    ("relu", (), LAZILY),
]


@pytest.mark.slow
def test_ten_known_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None wrong, at least eight decided."""
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    (tmp_path / "lazy_models.py").write_text(LAZY)
    monkeypatch.syspath_prepend(str(tmp_path))
    decided = 0
    for name, sets, right in CASES:
        target = str(path) if name == "recipe" else f"lazy_models:{name}"
        document = run_probe("features", target, sets)
        print(name, sets, document.reason)
        kernel = next(m.estimate for m in document.measures if "movement" in m.at)
        if document.verdict != "inconclusive":
            assert document.reason.startswith(right), (name, sets, document.reason)
            decided += 1
        if right == LAZILY:  # width^-1 under gradient descent (arXiv 1909.11304)
            assert kernel.low is not None and kernel.high is not None
            assert kernel.low < -1 < kernel.high and kernel.high < -0.2, (name, kernel)
        elif right == LEARNED:
            assert kernel.high is not None and kernel.high > -0.15, (name, kernel)
    assert decided >= 8


def test_one_layer_that_depends_on_the_width_is_enough_not_to_pass() -> None:
    near = Interval(value=0.0, low=-0.1, high=0.1)
    far = Interval(value=-0.5, low=-0.6, high=-0.4)
    assert regime_of({"a": near, "b": near}, "a")[0] == "learned"
    regime, reason = regime_of({"a": near, "b": far}, "a")
    assert regime not in VERDICTS and "but b as width^-0.5" in reason
    assert regime_of({"a": near, "b": far}, "b")[0] == "lazy"  # where the median layer does
    assert VERDICTS == {"learned": "pass", "lazy": "fail", "unstable": "fail"}


def test_advice_names_keys_of_a_recipe_to_those_who_have_one() -> None:
    for regime in ADVICE:
        of_callable = advice_on(regime, of_callable=True)
        assert not any(key in of_callable for key in ("(init.zero)", "ladder", "train under"))
    assert "(init.zero)" in advice_on("undecided", of_callable=False)
    assert "nn.init.zeros_" in advice_on("undecided", of_callable=True)


def test_every_layer_that_reads_a_width_and_puts_out_none_is_a_readout() -> None:
    """Under `mup` its output at init is width^-1/2: W of variance 1/width² on entries of size 1.

    A front end of one size at every width is none, and a net of nothing else is judged by it.
    """
    extents = {"hidden": (2, 4), "head": (0, 2), "front": (0, 0)}  # powers of the width
    runs = {
        w: TrainedFeatures(
            {"hidden": 0.1, "head": 0.1 * w**0.5, "front": 0.1},
            None, {}, {}, {n: (w**a, w**b) for n, (a, b) in extents.items()},
        )
        for w in (32, 64, 128)
    }  # fmt: skip
    assert set(by_layer({w: [run] for w, run in runs.items()})) == {"hidden", "front"}
    heads = {w: [replace(run, movement={"head": 1.0})] for w, run in runs.items()}
    assert set(by_layer(heads)) == {"head"}
