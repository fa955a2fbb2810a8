"""A class of a user: matched with a known geometry, or refused with what was measured."""

from __future__ import annotations

import re

import pytest
import torch

from mutransfer_cli.errors import InputError
from mutransfer_cli.optimizers.geometry import (
    FIXED_NORM,
    FIXED_NORM_SPECTRAL,
    GRADIENT,
    RELATIVE,
    SIGN,
    SPECTRAL,
    Geometry,
)
from mutransfer_cli.optimizers.protocol import optimizer_spec
from tests.helpers.refused_optimizers import GRAPHS, compiled_sign

HERE = "tests.helpers.own_optimizers:"
REFUSED = "tests.helpers.refused_optimizers:"


@pytest.mark.parametrize(
    ("name", "geometry", "adjust_lr"),
    [
        ("Signs", SIGN, None),
        ("Descent", GRADIENT, None),
        ("Polar", SPECTRAL, "match_rms_adamw"),  # √max(out, in) up to the factor 0.2
        # entries of 1 at every rank: of a fixed rank they add up over the fan-in, as Adam's do
        ("PolarOfOneSize", SIGN, None),
        ("ThreeBetas", SIGN, None),  # keeps its own betas and epsilons
        ("ProximalSigns", SIGN, None),  # 1 - 1 / (1 + x) = x to first order
        ("TrustRatio", RELATIVE, None),  # a step of 1e-6 of the matrix: its norm only seems kept
        ("Viewing", SIGN, None),
        ("LateSigns", SIGN, None),
    ],
)
def test_geometry_of_a_class(name: str, geometry: Geometry, adjust_lr: str | None) -> None:
    spec = optimizer_spec(HERE + name)
    assert (spec.geometry, spec.adjust_lr) == (geometry, adjust_lr)
    assert spec.measured.startswith("measured: ")
    assert spec.decay_fault == ""


@pytest.mark.parametrize(
    ("path", "geometry"),
    [
        ("mutransfer_cli.optimizers.adamh:AdamH", FIXED_NORM),
        ("mutransfer_cli.optimizers.muonh:MuonH", FIXED_NORM_SPECTRAL),
        ("torch.optim:AdamW", SIGN),  # the control: it lets norms grow
    ],
)
def test_a_class_that_keeps_norms(path: str, geometry: Geometry) -> None:
    """By an import path, as if it were a user's own."""
    spec = optimizer_spec(path)
    assert spec.geometry == geometry
    assert spec.trains("vector", (3,)) is not geometry.keeps_norm
    assert ("keeps the norm" in spec.decay_fault) is geometry.keeps_norm


@pytest.mark.parametrize(
    ("name", "text"),
    [
        # 1/√(out·in): both sides with exponent -1/2
        ("Normalized", "sides ^(-0.50, -0.50)"),
        ("Root", "gradient^0.50"),
        # √(1 + 1024²) against √2 for the norm of two: log2(1024/√2)/10 = 0.95
        ("Coupled", "other tensors' gradients^-0.95"),
        ("Coupled", "depends on the gradients of others"),
        ("Normalized", "depends on the rank of the gradient"),
        ("OwnRate", "rate^2.00"),
        ("OwnRate", "chooses its own step size"),
    ],
)
def test_refuses_exponents_of_no_known_geometry(name: str, text: str) -> None:
    with pytest.raises(InputError, match=re.escape(text)) as refused:
        optimizer_spec(HERE + name)
    assert "no rule for its rates" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tests.helpers.own_optimizers:Absent", "importing it: AttributeError"),
        ("tests.optimizers.own.no_module:Signs", "importing it: ModuleNotFoundError"),
        ("torch.nn:Linear", "expected a subclass of torch.optim.Optimizer"),
        ("torch.optim:adamw", "did you mean AdamW?"),
        ("torch.optim:LBFGS", "missing 1 required positional argument: 'closure'"),
        (HERE + 'Signs{"absent": 1}', "unexpected keyword argument 'absent'"),
        (HERE + 'Signs{"absent": 1}', "optimizer.args: its constructor has no absent"),
        ("torch.optim:LBFGS", "its step needs a closure"),
        (REFUSED + "OfNames", "its constructor takes named_parameters, a plan gives groups"),
        (REFUSED + "OfLength", "its constructor needs total_steps: set optimizer.args ("),
        (REFUSED + "Licensed", "its constructor refuses what a plan gives, groups of tensors"),
        (REFUSED + "OfNothing", "its constructor takes nothing, a plan gives groups of tensors"),
        (REFUSED + "Licensed", "(called sys.exit('no licence'), but code of yours must not end"),
        (REFUSED + "OnDevices", "its step fails on a trial gradient, so that its update cannot be"),
        (REFUSED + "OnDevices", "(RuntimeError: no kernel: build it)"),
        (REFUSED + "Restless", "its step fails where the gradient is zero"),
        (REFUSED + "Rounding", "it normalizes rounding errors, as SOAP does"),
        (REFUSED + "FirstRate", "at the first step only, so that a schedule does not reach it"),
        ("torch.optim:Rprop", "at the first step only"),
    ],
)
def test_refuses_what_cannot_be_made(name: str, text: str) -> None:
    with pytest.raises(InputError, match=re.escape(text)):
        optimizer_spec(name)


@pytest.mark.parametrize("name", ["Single", "TensorRates"])
def test_classes_with_a_type_of_their_own_are_measured(name: str) -> None:
    """Signs, whose state is float32 or whose rates are tensors."""
    assert optimizer_spec(REFUSED + name).geometry == SIGN


def test_a_compiled_step_is_measured_without_compiling() -> None:
    """heavyball's classes compile theirs, which takes minutes for all shapes of the measurement."""
    assert optimizer_spec(REFUSED + "Compiled").geometry == SIGN
    assert not GRAPHS
    compiled_sign(torch.ones(2))
    assert GRAPHS  # the control: it does compile


@pytest.mark.parametrize("name", ["Adafactor", "Adadelta", "RMSprop", "NAdam", "RAdam", "ASGD"])
def test_other_classes_of_torch(name: str) -> None:
    expected = {"Adafactor": RELATIVE, "ASGD": GRADIENT}.get(name, SIGN)
    assert optimizer_spec("torch.optim:" + name).geometry == expected


@pytest.mark.parametrize("name", ["RAdam", "NAdam"])
def test_decay_in_the_gradient_is_seen_behind_the_first_steps(name: str) -> None:
    """RAdam's first five steps are plain momentum, in which such a decay looks decoupled."""
    assert "no consistent" in optimizer_spec("torch.optim:" + name).decay_fault
    decoupled = "torch.optim:" + name + '{"decoupled_weight_decay": true}'
    assert optimizer_spec(decoupled).decay_fault == ""


def test_decay_that_has_no_rule_is_said() -> None:
    assert "no consistent scaling rule" in optimizer_spec("torch.optim:Adam").decay_fault
    assert optimizer_spec("torch.optim:AdamW").decay_fault == ""
