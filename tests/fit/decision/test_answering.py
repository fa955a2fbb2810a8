"""What a study answers, and that no answer contradicts another on the same page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from math import expm1, log2

import numpy as np
import pytest

from mutransfer_cli.fit.decision.answering import answer
from mutransfer_cli.fit.decision.answers import Answers, Question
from mutransfer_cli.fit.decision.assumed_rules import TransferRules
from mutransfer_cli.fit.study.size_axes import Sizes
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.surface.observation import Observation

RATES = range(-10, -3)
WIDTHS = (64, 128, 256)


def runs(
    loss: Callable[[int, float], float],
    *,
    widths: tuple[int, ...] = WIDTHS,
    rates: range | tuple[float, ...] = RATES,
    seeds: int = 2,
    noise: float = 1e-3,
) -> list[Observation]:
    """Runs with the log losses of a function of width and log2(lr).

    Args:
        loss: The logarithm of the loss.
        widths: The rungs.
        rates: log2 of the learning rates.
        seeds: Seeds of each setting.
        noise: Standard deviation of a log loss.
    """
    rng = np.random.default_rng(0)
    return [
        Observation(w, 2.0**x, s, float(np.exp(loss(w, x) + rng.normal(0, noise))))
        for w, x, s in product(widths, rates, range(seeds))
    ]


def drifting(octaves: float, curvature: float = 0.02) -> Callable[[int, float], float]:
    """log loss .8 + c (log2 lr + 7 - drift log2(w/64))²."""
    return lambda w, x: 0.8 + curvature * (x + 7 - octaves * log2(w / 64)) ** 2


def asked(observations: list[Observation], **options: object) -> Answers:
    return answer(observations, Question(**options))  # type: ignore[arg-type]


def at(**sizes: float) -> Callable[[object], Sizes]:
    return lambda rungs: sizes


def consistent(found: Answers) -> bool:
    """Whether the verdict is that of the costs on the same page."""
    tolerance = found.question.tolerance
    highs = [c.cost.high or 0 for c in found.costs]
    lows = [c.cost.low or 0 for c in found.costs]
    return {
        "holds": bool(highs) and max(highs) <= tolerance,
        "fails": bool(lows) and max(lows) > tolerance,
        "inconclusive": True,
    }[found.verdict]


def test_rungs_off_the_axes_are_used() -> None:
    """Five rungs whose width and batch grow unevenly; the optimum is 2^-8 · √(batch / 32)."""
    rungs = [(64, 32), (128, 32), (256, 64), (512, 128), (1024, 256)]
    study = [
        Observation(
            w,
            2.0**x,
            0,
            3 - 0.1 * log2(w / 64) + 0.02 * (x + 8 - 0.5 * log2(b / 32)) ** 2,
            batch=b,
        )
        for (w, b), x in product(rungs, range(-11, -4))
    ]
    found = asked(study)
    assert [(r.sizes["width"], r.sizes["batch"]) for r in found.rungs] == rungs
    for rung in found.rungs:
        assert rung.optimum is not None
        expected = -8 + 0.5 * log2(rung.sizes["batch"] / 32)
        assert log2(rung.optimum["lr"].value) == pytest.approx(expected, abs=0.02)
    assert found.choice is not None
    assert log2(found.choice.hyperparameters["lr"]) == pytest.approx(-6.5, abs=0.02)
    # 1.5 octaves off: .02 · 1.5² = .045 of a loss of 2.6
    (cost,) = found.costs
    assert cost.cost.value == pytest.approx(0.045 / 2.6, rel=0.1)
    assert found.verdict == "fails" and consistent(found)


def test_holds_never_stands_beside_a_cost_above_the_tolerance() -> None:
    """A drift of .2 octaves is within ±.25, but over six doublings it costs 2.9 %."""
    found = asked(runs(drifting(0.2), widths=(32, 128, 512, 2048), rates=range(-11, -2)))
    assert found.drift_verdict == "holds"
    assert found.costs[0].cost.value == pytest.approx(expm1(0.02 * 1.2**2), rel=0.25)
    assert found.verdict == "fails" and consistent(found)


def test_what_costs_nothing_holds_although_the_drift_is_unknown() -> None:
    """A curvature of .0002: an octave costs .02 %, so that an uncertain optimum does not matter."""
    found = asked(runs(drifting(0.0, 0.0002), rates=range(-13, 0), noise=1e-3))
    assert found.drift_verdict == "inconclusive"
    assert found.verdict == "holds" and consistent(found)


@pytest.mark.parametrize("drift", [0.0, -0.1, -0.25, 0.5, -1.0])
@pytest.mark.parametrize("noise", [1e-3, 1e-2])
def test_verdict_and_costs_agree(drift: float, noise: float) -> None:
    study = runs(drifting(drift), noise=noise)
    for options in ({}, {"target": at(width=1024)}):
        found = asked(study, **options)
        assert consistent(found), found.reason
        if found.verdict == "inconclusive":
            assert "; run " in found.reason


def test_the_choice_is_made_at_the_target() -> None:
    """A drift of -.5: the optimum is 2^-8 at width 256 and 2^-9 at 1024."""
    study = runs(drifting(-0.5))
    here, there = asked(study), asked(study, target=at(width=1024))
    assert here.choice is not None and there.choice is not None
    assert log2(here.choice.hyperparameters["lr"]) == pytest.approx(-8, abs=0.06)
    assert log2(there.choice.hyperparameters["lr"]) == pytest.approx(-9, abs=0.2)
    assert there.choice.values["lr"].value.low is not None
    assert there.costs[-1].predicted and "1024" in there.costs[-1].where
    beyond = asked(study, target=at(width=8192)).choice  # five octaves beyond a span of two
    assert beyond is not None and beyond.values["lr"].value.low is None
    assert beyond.unsupported is not None and "octaves beyond" in beyond.unsupported


def test_octave_grids_of_a_loss_quadratic_in_the_rate() -> None:
    """Loss ∝ 1 + .05 (lr/lr* - 1)²: in log2(lr) it is flat below and steep above the optimum."""
    inside = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        shift = rng.uniform(-0.5, 0.5)
        study = [
            Observation(
                w,
                2.0**x,
                s,
                float(2 * (1 + 0.05 * (2.0 ** (x + 6 + shift) - 1) ** 2)
                      * np.exp(rng.normal(0, 1e-3))),
            )
            for w, x, s in product(WIDTHS, range(-10, -3), (0, 1))
        ]  # fmt: skip
        for rung in asked(study).rungs:
            assert rung.optimum is not None
            low, high = rung.optimum["lr"].low, rung.optimum["lr"].high
            assert low is not None and high is not None
            inside += low <= 2.0 ** (-6 - shift) <= high
    assert inside >= 15  # of 18; it was 16 of 36


def test_an_absurd_loss_is_named_and_left_out() -> None:
    study = runs(drifting(0.0))
    study[8] = replace(study[8], loss=9.0)  # 2^-6 at width 64, one octave from the optimum
    found = asked(study)
    assert found.verdict == "holds"
    assert "outlier left out: loss 9 at width 64, lr 0.01562, seed 0" in found.notes[0]
    clean = asked(runs(drifting(0.0)))
    assert clean.notes == ()
    for a, b in zip(found.rungs, clean.rungs, strict=True):
        assert a.optimum is not None and b.optimum is not None
        assert a.optimum["lr"].value == pytest.approx(b.optimum["lr"].value, rel=0.03)


def test_an_outlier_that_the_others_do_not_contradict_stays() -> None:
    """The highest rate may be next to a cliff: nothing farther out is better."""
    study = [o if o.lr < 2.0**-4 else replace(o, loss=9.0) for o in runs(drifting(0.0))]
    jump = "6 runs count as diverged: the loss jumps to more than twice the best of the rung"
    assert asked(study).notes == (jump,)  # not left out: runs of two seeds on three rungs


def test_four_rates_bracket_an_optimum() -> None:
    found = asked(runs(drifting(0.0), rates=range(-9, -5)))
    for rung in found.rungs:
        assert rung.optimum is not None
        assert log2(rung.optimum["lr"].value) == pytest.approx(-7, abs=0.15)


def test_a_single_rate_is_not_an_end_of_a_range() -> None:
    found = asked(runs(drifting(0.0), rates=range(-7, -6)))
    assert found.verdict == "inconclusive" and found.choice is None
    assert "a single learning rate finished" in found.reason and "end of" not in found.reason
    assert "run values on both sides" in found.reason
    assert found.drift_verdict == "inconclusive"  # no optimum that could stay where it is
    assert asked(runs(drifting(0.0))).drift_verdict == "holds"


def test_divergence_is_named_only_where_something_diverged() -> None:
    falling = runs(lambda w, x: 0.8 - 0.02 * x)
    found = asked(falling)
    assert "high end of the range; run higher ones" in found.reason
    assert "diverge" not in found.reason
    cliff = [o if o.lr < 2.0**-5 else replace(o, loss=None) for o in falling]
    notes = [rung.note or "" for rung in asked(cliff).rungs]
    assert all("next to divergence" in note for note in notes)


def test_a_flat_curve_has_no_end_to_run_beyond() -> None:
    """Noise alone makes some end the lowest; the control falls by ten times the noise a rate."""
    flat = asked(runs(lambda w, x: 0.8, noise=2e-3))
    assert flat.verdict == "inconclusive" and flat.choice is None
    assert "end of the range" not in flat.reason
    assert "does not change with the learning rate by more than the noise" in flat.reason
    falling = asked(runs(lambda w, x: 0.8 - 0.02 * x, noise=2e-3))
    assert "high end of the range; run higher ones" in falling.reason


def test_more_seeds_are_advised_only_beside_rates() -> None:
    """The advice names rates to run, and a second seed where there is one."""
    found = asked(runs(drifting(0.0, 0.004), seeds=1, noise=1e-2, rates=(-9, -8, -7, -6, -5)))
    assert found.verdict == "inconclusive"
    assert "run a learning rate between" in found.reason and "a second seed" in found.reason


@pytest.mark.parametrize(("end", "sign"), [("low", 1), ("high", -1)])
def test_an_end_of_a_list_is_said(end: str, sign: int) -> None:
    """The loss falls towards one end of the choices for the weight decay."""
    rng = np.random.default_rng(0)
    study = [
        Observation(
            w,
            2.0**x,
            0,
            float(np.exp(0.8 + 0.02 * (x + 7) ** 2 + sign * 0.01 * y + rng.normal(0, 5e-4))),
            params={"weight_decay": 2.0**y},
        )
        for w, x, y in product((64, 256), range(-9, -4), range(-6, 0, 2))
    ]
    found = asked(study, spaces={"weight_decay": Space(choice=(2.0**-6, 2.0**-4, 2.0**-2))})
    assert found.choice is not None
    assert found.choice.values["weight_decay"].at_end == end
    assert f"weight_decay is at the {end} end of the list" in found.reason
    assert found.choice.hyperparameters["weight_decay"] in (2.0**-6, 2.0**-2)
    assert found.rungs[0].optimum is not None
    assert found.rungs[0].optimum["weight_decay"].low is None
    assert found.rungs[0].optimum["lr"].low is not None


def with_decays(cost: Callable[[float], float], rates: range) -> list[Observation]:
    """Runs at the weight decays 0, .01, .1 and 1, which add `cost` to the log loss."""
    rng = np.random.default_rng(3)
    return [
        Observation(
            w,
            2.0**x,
            s,
            float(np.exp(0.8 + 0.02 * (x + 7) ** 2 + cost(decay) + rng.normal(0, 5e-4))),
            params={"weight_decay": decay},
        )
        for w, x, decay, s in product(WIDTHS, rates, (0.0, 0.01, 0.1, 1.0), (0, 1))
    ]


def test_a_weight_decay_of_zero_can_be_the_best() -> None:
    """.2 √decay more: .01 costs 2 %, .1 6.3 %, 1 20 % of the log loss, exp(x) - 1 of the loss."""
    found = asked(with_decays(lambda decay: 0.2 * decay**0.5, range(-10, -3)))
    assert found.verdict == "holds" and found.choice is not None
    assert found.choice.hyperparameters["weight_decay"] == 0
    costs = found.choice.values["weight_decay"].costs
    assert costs is not None and list(costs) == [0.01, 0.1, 1.0]
    for decay, cost in costs.items():
        assert cost.value == pytest.approx(expm1(0.2 * decay**0.5), rel=0.05)
        assert cost.low is not None and cost.high is not None and cost.low > 0
    (note,) = [n for n in found.notes if "weight_decay" in n]
    assert note.startswith("weight_decay: 0 is the best value that was run")
    assert "0.01 costs 2.0" in note
    lr = found.choice.values["lr"].value
    assert log2(lr.value) == pytest.approx(-7, abs=0.05) and lr.low is not None


def test_a_weight_decay_of_zero_where_only_that_was_searched() -> None:
    found = asked(with_decays(lambda decay: 0.2 * decay**0.5, range(-7, -6)))
    assert found.choice is not None and found.choice.hyperparameters["weight_decay"] == 0
    assert found.verdict == "holds" and consistent(found)
    chosen = found.choice.values["weight_decay"]
    assert chosen.costs is not None and chosen.at_end is None
    assert chosen.costs[0.01].value == pytest.approx(expm1(0.02), rel=0.05)
    assert not any("end of the" in (rung.note or "") for rung in found.rungs)


def test_a_weight_decay_above_zero_has_octaves() -> None:
    """The control: .01 (log10(decay/.1))² is lowest at .1, and a decay of 0 costs 4 %."""
    found = asked(
        with_decays(lambda d: 0.01 * (np.log10(d / 0.1) ** 2 if d else 4.0), range(-10, -3))
    )
    assert found.choice is not None and found.choice.values["weight_decay"].costs is None
    assert found.choice.hyperparameters["weight_decay"] == pytest.approx(0.1, rel=0.5)


def test_a_hyperparameter_that_hardly_matters_does_not_hinder_the_verdict() -> None:
    """An octave of init_std costs .005 %; where nothing matters there is no verdict."""
    rng = np.random.default_rng(0)
    study = [
        Observation(
            w,
            2.0**x,
            0,
            float(np.exp(0.8 + 0.02 * (x + 7) ** 2 + 5e-5 * y**2 + rng.normal(0, 3e-3))),
            params={"init_std": 2.0**y},
        )
        for w, x, y in product(WIDTHS, range(-9, -4), range(-6, 7, 2))
    ]
    found = asked(study)
    assert all("hardly changes with the init_std" in (rung.note or "") for rung in found.rungs)
    assert found.verdict == "holds" and consistent(found)
    flat = asked([replace(o, loss=2 + 1e-3 * (i % 7)) for i, o in enumerate(study)])
    assert flat.verdict == "inconclusive"


def with_an_edge(width: int, drift: float, widths: tuple[int, ...]) -> list[Observation]:
    """Optima at 2^-7 · (w/128)^drift; at one width only rates from 2^-4 on are run."""
    loss = drifting(drift)
    study = runs(lambda w, x: loss(w // 2, x), widths=widths)
    edge = runs(lambda w, x: loss(w // 2, x), widths=(width,), rates=range(-4, 1))
    return [o for o in study if o.width != width] + edge


@pytest.mark.parametrize("drift", [0.0, -0.5])
def test_an_edge_at_the_smallest_rung_leaves_the_verdict_to_the_others(drift: float) -> None:
    """From 128 to 1024 are three doublings: a drift of -.5 costs .02 · 1.5² = 4.6 % there."""
    widths = (64, 128, 256, 512, 1024)
    found = asked(with_an_edge(64, drift, widths))
    assert found.verdict == ("fails" if drift else "holds") and consistent(found)
    assert found.costs[0].cost.value == pytest.approx(expm1(0.02 * (3 * drift) ** 2), abs=4e-3)
    (note,) = [note for note in found.notes if "leaves out" in note]
    assert "width 64" in note and "low end of the range" in note
    assert "the optimum of width 128 costs" in found.reason
    there = asked(with_an_edge(64, drift, widths), target=at(width=2048))
    assert there.target_verdict is not None and "width 128" in there.target_verdict.reason
    assert not any("leaves out" in note for note in asked(runs(drifting(0.0))).notes)


@pytest.mark.parametrize(("width", "widths"), [(1024, (64, 128, 256, 512, 1024)), (64, (64, 128))])
def test_an_edge_at_the_largest_rung_or_one_of_two_is_inconclusive(
    width: int, widths: tuple[int, ...]
) -> None:
    found = asked(with_an_edge(width, 0.0, widths))
    assert found.verdict == "inconclusive" and "low end of the range" in found.reason
    assert not any("leaves out" in note for note in found.notes)


def test_a_ladder_of_less_than_an_octave() -> None:
    found = asked(runs(drifting(0.0), widths=(64, 96)))
    assert found.verdict == "inconclusive"
    assert "span 0.58 octaves of width" in found.reason and "run a rung at" in found.reason


def test_one_width_one_seed_and_everything_diverged() -> None:
    one = asked(runs(drifting(0.0), widths=(64,)))
    assert one.verdict == "inconclusive" and "add a width" in one.reason
    assert one.choice is not None
    seed = asked(runs(drifting(0.0), seeds=1))
    assert seed.verdict == "holds"  # three rungs show the noise of one seed
    lost = asked([replace(o, loss=None) for o in runs(drifting(0.0))])
    assert lost.verdict == "inconclusive" and lost.choice is None and lost.fitted is None
    assert "no run finished; run a lower learning rate than" in lost.reason


def test_a_flat_curve_is_not_resolved() -> None:
    found = asked(runs(lambda w, x: 0.8, noise=5e-3))
    assert found.verdict == "inconclusive"
    assert all(rung.optimum is None for rung in found.rungs)


def test_the_rule_for_an_axis_that_no_rung_tests() -> None:
    """16 times the steps: Complete(d)P's rate ∝ steps^-1/2, its rival none: constant.

    A rival that gives a constant raw rate is 16^(1/2) = 4 times as large, quoted by the rule.
    """
    study = [replace(o, batch=16, steps=100) for o in runs(drifting(0.0))]
    rules = TransferRules(optimizer="adamw", horizon="steps", parameterization="mup")
    found = asked(study, target=at(width=256, batch=16, steps=1600), rules=rules)
    (rule,) = found.assumed
    assert rule.axis == "steps" and rule.ratio == pytest.approx(16)
    assert "rules.horizon: steps" in rule.rule and "2512.22382" in rule.source
    assert found.choice is not None
    lr = found.choice.hyperparameters["lr"]
    assert rule.rivals["none"] == pytest.approx(4 * lr)
    assert rule.rivals["empirical"] == pytest.approx(4 * 16**-0.32 * lr)
    assert "steps 400, width 64" in rule.settle
    assert "no rung differs in steps" in found.notes[-1] and "to settle it" in found.notes[-1]
    # what the steps do to the optimum is not known to half a percent of the loss
    assert found.verdict == "inconclusive"
    assert "the target (width 256, steps 1600)" in found.reason
    assert "run a rung nearer the target: steps 400" in found.reason
    same = asked(study, target=at(width=512, batch=16, steps=100), rules=rules)
    assert same.assumed == () and same.verdict == "holds"  # the control: no other steps


def test_one_axis_of_several() -> None:
    study = [replace(o, batch=16) for o in runs(drifting(0.0))]
    study += [replace(o, batch=64) for o in runs(drifting(0.0), widths=(64,))]
    both, width = asked(study), asked(study, axis="width")
    assert both.axes == ("width", "batch") and width.axes == ("width",)
    assert len(width.rungs) == 3
    assert [(i.count, i.reason) for i in width.ignored] == [(14, "not on the line along width")]


def double_well(w: int, x: float) -> float:
    """Valleys at log2(lr) = -9 and -5 with a ridge of .03 at -7; the upper one is lower by .002."""
    u = x + 7
    return 0.8 + 0.03 * ((u / 2) ** 2 - 1) ** 2 - 0.0005 * u


def test_two_optima_are_said() -> None:
    found = asked(runs(double_well, rates=range(-10, -3)))
    assert found.verdict == "inconclusive"
    assert "two optima at width 256, near lr 0.0312 and near lr 0.00195" in found.reason
    assert "run more seeds and finer values around both" in found.reason
    assert found.notes == ()  # what is on the ridge is no outlier
    assert found.choice is not None
    assert log2(found.choice.hyperparameters["lr"]) == pytest.approx(-5)
    chosen = found.choice.values["lr"].value  # the interval would be that of one of the two
    assert chosen.low is None and chosen.high is None


def test_two_equal_optima_are_said() -> None:
    """Valleys of the same depth at 2^-9 and 2^-5, a ridge of .2 between them."""
    rates = tuple(-11 + k / 2 for k in range(17))
    found = asked(
        runs(lambda w, x: 0.8 + 0.05 * min((x + 9) ** 2, (x + 5) ** 2), rates=rates, noise=1e-3)
    )
    assert found.verdict == "inconclusive" and "two optima" in found.reason
    assert not any("hardly changes" in (rung.note or "") for rung in found.rungs)


def test_an_edge_at_large_rungs_does_not_send_the_choice_to_a_small_one() -> None:
    """The optimal batch doubles with the width, to 2^6 … 2^9; batches go to 2^8, rates to 2^-6.

    At the largest rung the choice has the largest batch, and the rate of that rung. At width 2048
    the smaller rungs say how the batch grows on: to 2^10.
    """
    rng = np.random.default_rng(0)
    study = [
        Observation(
            w,
            2.0**x,
            0,
            float(np.exp(1 + 0.012 * (x + 9 + k / 2) ** 2 + 0.008 * (y - 6 - k) ** 2
                         + rng.normal(0, 5e-4))),
            params={"batch": 2.0**y},
        )
        for k, w in enumerate((128, 256, 512, 1024))
        for x, y in product(range(-12, -5), range(5, 9))
    ]  # fmt: skip
    found = asked(study)
    assert found.choice is not None and found.choice.sizes["width"] == 1024
    batch = found.choice.values["batch"]
    assert (batch.value.value, batch.value.low, batch.at_end) == (256, None, "high")
    assert log2(found.choice.hyperparameters["lr"]) == pytest.approx(-10.5, abs=0.1)
    assert "the best batch is at the high end of the range; run higher ones" in found.reason
    beyond = asked(study, target=lambda rungs: {"width": 2048.0}).choice
    assert beyond is not None and beyond.values["batch"].at_end is None
    assert log2(beyond.hyperparameters["batch"]) == pytest.approx(10, abs=0.3)
