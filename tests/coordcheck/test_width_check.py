"""Correct parameterizations pass; a planted error is found, and the right tensor is named."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mutransfer_cli import Subject, check
from tests.helpers.check_subjects import HIDDEN, WIDTHS, failed, subject
from tests.helpers.repairs import repaired, repairs_of


@pytest.mark.parametrize("model", ["mlp", "gpt"])
@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_correct_models_pass(model: str, kind: str) -> None:
    report = check(subject(model, kind), WIDTHS)
    assert report.passed, (report.document.reason, failed(report))
    assert report.document.control.verdict == "fail"
    if kind == "adam":
        assert report.document.regime == "feature-learning"


def test_hidden_rate_not_scaled() -> None:
    """The commonest error: the whole class of hidden matrices keeps the base's rate."""
    report = check(subject(lr=lambda n, m: m if n in HIDDEN else 1), WIDTHS)
    assert report.verdict == "fail"
    assert failed(report) == dict.fromkeys(HIDDEN, "lr-too-large")
    told = next(t.message for t in report.tensors if t.name == "second.weight")
    assert told is not None and "4 times too large at 4 times the width" in told


@pytest.mark.parametrize(
    ("model", "name", "power", "finding"),
    [
        pytest.param("mlp", "third.weight", 1.0, "lr-too-large", marks=pytest.mark.slow),
        ("mlp", "first.weight", -1.0, "lr-too-small"),
        ("mlp", "second.bias", -1.0, "lr-too-small"),
        pytest.param("gpt", "token.weight", -1.0, "lr-too-small", marks=pytest.mark.slow),
        ("gpt", "blocks.1.norm2.weight", -1.0, "lr-too-small"),
        ("gpt", "blocks.0.down.weight", 0.5, "lr-too-large"),
        pytest.param("gpt", "blocks.1.qkv.weight", 1.0, "lr-too-large", marks=pytest.mark.slow),
    ],
)
def test_a_single_wrong_rate_is_named_alone(
    model: str, name: str, power: float, finding: str
) -> None:
    report = check(subject(model, lr=lambda n, m: m**power if n == name else 1), WIDTHS)
    assert failed(report) == {name: finding}


def test_missing_readout_multiplier() -> None:
    for model in ("mlp", "gpt"):
        report = check(subject(model, scale=lambda m: 1.0), WIDTHS)
        assert failed(report) == {"readout.linear.weight": "multiplier-missing"}


def test_wrong_init_is_told_from_a_wrong_rate() -> None:
    report = check(subject(std=lambda n, m: m**0.5 if n == "second.weight" else 1), WIDTHS)
    assert failed(report) == {"second.weight": "init-too-large"}


def test_small_readout_is_a_warning() -> None:
    small = subject(std=lambda n, m: m**-0.5 if "readout" in n else 1)
    report = check(small, WIDTHS)
    (readout,) = [t for t in report.tensors if t.name == "readout.linear.weight"]
    assert (readout.verdict, report.verdict) == ("warn", "pass")
    assert check(small, WIDTHS, strict=True).verdict == "fail"


def test_zero_readout_passes() -> None:
    report = check(subject(std=lambda n, m: 0.0 if "readout" in n else 1), WIDTHS)
    assert report.verdict == "pass", report.document.reason


def test_a_tensor_outside_the_optimizer_is_not_passed() -> None:
    report = check(subject(frozen="second.weight"), WIDTHS)
    assert failed(report) == {"second.weight": "not-trained"}


def test_sp_fails_as_mup_and_passes_as_sp() -> None:
    def build(width: int, seed: int) -> Subject:
        made = subject()(width, seed)
        for layer in (made.model.second, made.model.third, made.model.readout.linear):  # type: ignore[union-attr]
            nn.init.normal_(layer.weight, 0, width**-0.5)
        made.model.readout.scale = 1.0  # type: ignore[union-attr]
        made.optimizer = torch.optim.AdamW(made.model.parameters(), lr=1e-3, weight_decay=0)
        return made

    as_sp = check(build, WIDTHS, expect="sp")
    assert as_sp.passed and "as sp predicts, hidden layers change the more" in as_sp.sentences[-1]
    report = check(build, WIDTHS)
    assert set(failed(report)) == {*HIDDEN, "readout.linear.weight"}
    assert report.document.regime == "unstable"


def test_too_few_widths_are_inconclusive() -> None:
    assert check(subject(), [64, 256]).verdict == "inconclusive"
    assert check(subject(), [64, 80, 96]).verdict == "inconclusive"


def test_decisions_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="mutransfer_cli.coordcheck")
    check(subject(lr=lambda n, m: m**0.5 if n == "second.weight" else 1), WIDTHS)
    lines = [r.getMessage() for r in caplog.records]
    assert "6 seeds instead of 3, because these deviate: second.weight" in lines
    assert any(line.startswith("negative control (the hidden matrices'") for line in lines)


# tensor -> power of m on its learning rate; on its init; the readout
ERRORS = [
    ({}, {}, "standard"),
    ({}, {"second.weight": -0.5}, "no multiplier"),  # in series: the second hides half of the other
    ({"second.weight": 1.0}, {"second.weight": 0.5}, "right"),
    pytest.param(
        {"first.weight": -0.5, "third.weight": 0.5}, {}, "no multiplier", marks=pytest.mark.slow
    ),
]


@pytest.mark.parametrize(("lr", "std", "readout"), ERRORS)
def test_repairs_applied_as_they_say_pass(
    lr: dict[str, float], std: dict[str, float], readout: str
) -> None:
    """Every tensor that fails has repairs that a program can read; with them the model passes."""
    of_readout = -0.5 if readout == "standard" else 0.0  # std n^-1/2 as in torch, no multiplier

    build = subject(
        lr=lambda n, m: m ** lr.get(n, 0.0),
        std=lambda n, m: m ** (of_readout if n == "readout.linear.weight" else std.get(n, 0.0)),
        scale=(lambda m: 1 / m) if readout == "right" else (lambda m: 1.0),
    )
    report = check(build, WIDTHS)
    wrong = {*lr, *std, *(["readout.linear.weight"] if readout != "right" else [])}
    assert set(failed(report)) == wrong
    assert all(t.repairs for t in report.tensors if t.verdict == "fail")
    fixed = repaired(build, report.document)

    def mended(width: int, seed: int) -> Subject:
        return fixed(width, seed)

    again = check(mended, WIDTHS)
    assert again.passed, (again.sentences, repairs_of(report.document))
