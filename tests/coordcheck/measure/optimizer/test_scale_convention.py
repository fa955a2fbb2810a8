"""The convention of an optimizer's updates is measured, and the check judges rates by it."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import pytest
import torch
from torch import nn

from mutransfer_cli import Subject, check
from mutransfer_cli.coordcheck.measure.optimizer.scale_convention import measured_convention
from tests.helpers.check_subjects import HIDDEN, WIDTHS, subject

if not hasattr(torch.optim, "Muon"):
    pytest.skip("torch has Muon since 2.9", allow_module_level=True)


class Scaled(torch.optim.Optimizer):
    """A user's own Muon: an exact orthogonal step times a factor of the shape."""

    def __init__(self, groups: Any, factor: Callable[[int, int], float]) -> None:
        super().__init__(groups, {"lr": 0.01})
        self.factor = factor

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                u, _, v = torch.linalg.svd(p.grad, full_matrices=False)
                p.sub_(u @ v, alpha=group["lr"] * self.factor(*p.shape))


class Matrices(nn.Module):
    """A tall, a wide and a square matrix."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)
        self.square = nn.Linear(width, width, bias=False)


@pytest.mark.parametrize(
    ("factor", "name"),
    [
        (lambda a, b: sqrt(max(1, a / b)), "original"),
        (lambda a, b: 0.2 * sqrt(max(a, b)), "match_rms_adamw"),
        (lambda a, b: sqrt(a / b), "spectral_unclamped"),
        (lambda a, b: 1.0, "none"),
        (lambda a, b: sqrt(max(a, b)), "spectral"),
        (lambda a, b: sqrt(min(a, b)), None),  # the control: nobody's
        (lambda a, b: 3.0, None),
    ],
)
def test_every_formula_is_told_from_the_others(
    factor: Callable[[int, int], float], name: str | None
) -> None:
    def fresh(width: int) -> Subject:
        torch.manual_seed(0)
        model = Matrices(width)
        return Subject(model, Scaled(model.parameters(), factor))

    names = ["up.weight", "down.weight", "square.weight"]
    convention, note = measured_convention(fresh, (16, 64), names)
    assert (convention.name if convention else None) == name
    assert (name or "no convention known here") in note


def test_square_matrices_alone_do_not_tell_formulas_apart() -> None:
    def fresh(width: int) -> Subject:
        model = nn.Linear(width, width, bias=False)
        return Subject(model, Scaled(model.parameters(), lambda a, b: 1.0))

    convention, note = measured_convention(fresh, (16, 64), ["weight"])
    assert convention is not None and convention((8, 8)) == 1.0
    assert "the same for this model's shapes" in note


@pytest.mark.parametrize(
    ("sides", "judged"),
    [
        # √max(1, out/in), √(out/in) and 1 are within a third of an octave of each other; each side
        # grows with the width, so that none of them changes with it
        (lambda n: (5 * n // 4, n), True),
        # a matrix out of 8 fixed inputs: only √(out/in) and √max(1, out/in) grow
        (lambda n: (n, 8), False),
    ],
)
def test_formulas_that_go_alike_over_the_width_are_judged(
    sides: Callable[[int], tuple[int, int]], judged: bool
) -> None:
    def fresh(width: int) -> Subject:
        fan_out, fan_in = sides(width)
        model = nn.Linear(fan_in, fan_out, bias=False)
        return Subject(model, Scaled(model.parameters(), lambda a, b: 1.0))

    convention, note = measured_convention(fresh, (8, 12) if not judged else (16, 64), ["weight"])
    assert (convention is not None) == judged
    assert ("over the width they are alike" in note) == judged


def muon(convention: str, power: float) -> Callable[[int, int], Subject]:
    """The hand-written muP model, its hidden matrices under torch's Muon at rates ∝ m^power."""

    def build(width: int, seed: int) -> Subject:
        made = subject()(width, seed)
        named = dict(made.model.named_parameters())
        hidden = [named[n] for n in sorted(HIDDEN)]
        rest = [p for n, p in named.items() if n not in HIDDEN]
        rate = 3e-3 * (width / 64) ** power
        optimizer: Any = [
            torch.optim.Muon(
                [{"params": hidden, "lr": rate, "weight_decay": 0.0}], adjust_lr_fn=convention
            ),
            torch.optim.Adam(rest, lr=1e-3),
        ]
        return Subject(made.model, optimizer, made.loss, made.batch)

    return build


@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize(
    ("convention", "power", "finding"),
    [
        ("original", 0.0, None),
        ("match_rms_adamw", -0.5, None),
        ("match_rms_adamw", 0.0, "lr-too-large"),  # the rule for this convention left out
        ("original", -0.5, "lr-too-small"),  # applied where it does not belong
    ],
)
def test_the_check_passes_the_right_rates_and_names_the_others(
    convention: str, power: float, finding: str | None, static: bool
) -> None:
    report = check(muon(convention, power), WIDTHS, static=static)
    failed = {t.name: t.finding for t in report.tensors if t.verdict == "fail"}
    assert failed == (dict.fromkeys(HIDDEN, finding) if finding else {})
    assert any(convention in note for note in report.document.notes)


@pytest.mark.parametrize(
    ("factor", "judged"), [(lambda a, b: 1.0, True), (lambda a, b: max(1.0, a / b), False)]
)
def test_an_unknown_scale_is_not_said_to_be_right(factor: Any, judged: bool) -> None:
    """max(1, out/in) is no convention here: the static audit leaves its matrices unjudged."""

    def build(width: int, seed: int) -> Subject:
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(4, width), nn.Linear(width, 4 * width, bias=False))
        model.append(nn.Linear(4 * width, width, bias=False)).append(nn.Linear(width, 2))
        hidden = [model[1].weight, model[2].weight]
        ends = [p for layer in (model[0], model[3]) for p in layer.parameters()]
        optimizer: Any = [Scaled(hidden, factor), torch.optim.Adam(ends, lr=1e-3)]
        return Subject(
            model,
            optimizer,
            loss=lambda m, batch: m(batch).square().mean(),
            batch=lambda seed: torch.ones(4, 4),
        )

    report = check(build, WIDTHS, static=True)
    verdicts = {t.name: t.verdict for t in report.tensors if t.name in ("1.weight", "2.weight")}
    assert set(verdicts.values()) == {"pass" if judged else "not judged"}
    assert ("2 of 6 tensors were not judged" in report.document.reason) is not judged
