"""What is expected of a hidden matrix, with numbers typed from the papers.

Yang and Hu (arXiv 2011.14522) and Tensor Programs V (arXiv 2203.03466): the gradient that reaches a
hidden layer is Θ(1/√n) in SP and NTP, where the readout is Θ(1/√n), and Θ(1/n) in muP and in the
mean-field parameterization, where it is Θ(1/n). u-muP and CompleteP are muP in width.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli import Subject, check
from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation, expectation
from mutransfer_cli.coordcheck.verdict.tensor_verdict import NORMED
from mutransfer_cli.optimizers.geometry import GRADIENT, RELATIVE, SIGN, SPECTRAL, Geometry
from mutransfer_cli.tracing.tensor_shape import TensorShape
from tests.helpers.check_requests import request_for
from tests.helpers.check_subjects import WIDTHS, failed, subject
from tests.helpers.weight_normed import FORMS, planned

GRADIENTS = {"sp": -0.5, "ntk": -0.5, "mean-field": -1, "mup": -1, "umup": -1, "completep": -1}


def of(role: str, parameterization: str, geometry: Geometry) -> Expectation:
    """Of a matrix whose dimensions grow as the role says."""
    growing = {"hidden": (0, 1), "readout": (1,), "input": (0,)}[role]
    shape = TensorShape("w", role, (64, 64), growing, (1,), (0,), 1.0, ())
    return expectation(shape, parameterization, geometry)


@pytest.mark.parametrize("name", PARAMETERIZATIONS.names)
@pytest.mark.parametrize("geometry", [GRADIENT, SIGN, RELATIVE, SPECTRAL])
def test_gradients(name: str, geometry: Geometry) -> None:
    assert of("hidden", name, geometry).gradient == GRADIENTS[name]
    assert of("readout", name, geometry).gradient == 0.0  # at the logits


def test_every_parameterization_has_a_number_here() -> None:
    assert GRADIENTS.keys() == set(PARAMETERIZATIONS.names)


@pytest.mark.parametrize("geometry", [GRADIENT, SIGN])
def test_updates_of_mup_change_outputs_by_a_constant(geometry: Geometry) -> None:
    for role in ("input", "hidden", "readout"):
        assert of(role, "mup", geometry).update == 0.0


def test_updates_of_sp_blow_up() -> None:
    """TP5 section 5: one rate for all; Adam's entries are Θ(1) and n of them add up."""
    assert of("hidden", "sp", SIGN).update == 1.0
    assert of("readout", "sp", SIGN).update == 1.0
    assert of("hidden", "sp", GRADIENT).update == 0.5  # of n gradients of 1/√n


def test_outputs_at_init() -> None:
    """TP5 Table 8: hidden layers keep the size, logits shrink as 1/√n in muP and not in SP."""
    assert of("hidden", "mup", SIGN).init == of("hidden", "sp", SIGN).init == 0.0
    assert of("readout", "mup", SIGN).init == -0.5
    assert of("readout", "sp", SIGN).init == 0.0


def test_decay_follows_the_rate_unless_it_is_independent() -> None:
    shape = TensorShape("w", "hidden", (64, 64), (0, 1), (1,), (0,), 1.0, ())
    assert expectation(shape, "mup", SIGN).decay == 0.0
    assert expectation(shape, "mup", SIGN, independent_decay=False).decay == -1.0  # Table 8


def test_a_request_has_the_table_of_what_it_is_held_against() -> None:
    expected = request_for("mean-field", "sgd").expected["hidden.0.weight"]
    assert (expected.gradient, expected.geometry) == (-1.0, GRADIENT)
    assert replace(expected, gradient=-0.5) != expected


ADAM = {"name": "adam", "lr": 0.001, "eps": 1e-12}
SGD = {"name": "sgd", "lr": 0.05}


@pytest.mark.parametrize(
    ("options", "expect"),
    [
        ({"optimizer": ADAM}, "mup"),
        ({"optimizer": SGD, "form": "parametrizations"}, "mup"),
        pytest.param({"optimizer": SGD, "convolutional": True}, "mup", marks=pytest.mark.slow),
        pytest.param(
            {"optimizer": ADAM, "form": "parametrizations", "dim": None},
            "mup",
            marks=pytest.mark.slow,
        ),
        ({"optimizer": ADAM, "parameterization": "ntk"}, "ntk"),
    ],
)
def test_plans_of_weight_norm_pass(options: dict[str, Any], expect: str) -> None:
    report = check(planned(**options), expect=expect)
    wrong = [(t.name, t.message) for t in report.tensors if t.verdict != "pass"]
    assert not wrong and report.verdict == "pass", report.document.reason
    assert report.tensors[2].not_judged == {"init": NORMED}  # a direction has no scale
    assert check(planned(**options), expect=expect, static=True).passed


@pytest.mark.parametrize(
    "form", [next(iter(FORMS)), *[pytest.param(f, marks=pytest.mark.slow) for f in [*FORMS][1:]]]
)
@pytest.mark.parametrize(
    ("optimizer", "aspect", "layer", "part", "power", "repair"),
    [
        (ADAM, "lr", "b", "direction", 1.0, ("lr", -1.0)),
        pytest.param(ADAM, "lr", "head", "direction", -0.5, ("lr", 0.5), marks=pytest.mark.slow),
        (ADAM, "lr", "head", "gain", 1.0, ("lr", -1.0)),
        (ADAM, "init", "c", "gain", 0.5, ("init", -0.5)),
        pytest.param(SGD, "lr", "b", "gain", -0.5, ("lr", 0.5), marks=pytest.mark.slow),
        (SGD, "lr", "head", "gain", -0.5, ("lr", 0.5)),
    ],
)
def test_errors_under_weight_norm_are_named_alone(
    optimizer: dict[str, Any],
    aspect: str,
    layer: str,
    part: str,
    power: float,
    repair: tuple[str, float],
    form: str,
) -> None:
    name = f"{layer}.{FORMS[form][1 if part == 'gain' else 2]}"
    report = check(planned(optimizer, form, (aspect, name, power)))
    failing = {t.name: [(r.quantity, r.power) for r in t.repairs] for t in report.tensors
               if t.verdict != "pass"}  # fmt: skip
    assert failing == {name: [repair]}


class Adapted(nn.Module):
    """A frozen layer with LoRA (arXiv 2106.09685): A is (rank, width), B starts at 0."""

    def __init__(self, width: int, power: float) -> None:
        super().__init__()
        self.first, self.base, self.last = (
            nn.Linear(16, width), nn.Linear(width, width), nn.Linear(width, 4),
        )  # fmt: skip
        self.base.requires_grad_(False)
        nn.init.normal_(self.last.weight, std=1 / width)
        self.A = nn.Parameter(torch.randn(4, width) * width**power)
        self.B = nn.Parameter(torch.zeros(width, 4))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x))
        y: Tensor = self.last(torch.relu(self.base(h) + (h @ self.A.T) @ self.B.T))
        return y


@pytest.mark.parametrize(
    ("power", "expected"), [(-1.0, {}), (-0.5, {}), (0.0, {"A": "init-too-large"})]
)
def test_features_of_a_bottleneck_may_be_of_order_1(power: float, expected: dict[str, str]) -> None:
    def build(width: int, seed: int) -> Subject:
        torch.manual_seed(seed)
        model = Adapted(width, power)
        scaled = {"A", "last.weight"}
        groups = [
            {"params": [p], "lr": 1e-3 * (64 / width if n in scaled else 1)}
            for n, p in model.named_parameters()
            if p.requires_grad
        ]
        plain = subject()(width, seed)
        return Subject(model, torch.optim.Adam(groups, eps=1e-12), plain.loss, plain.batch)

    assert failed(check(build, WIDTHS)) == expected
