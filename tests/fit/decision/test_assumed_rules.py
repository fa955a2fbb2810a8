"""Rules that no rung tests."""

from __future__ import annotations

import pytest

from mutransfer_cli.fit.decision.assumed_rules import TransferRules, assumed_rules
from mutransfer_cli.fit.study.study_runs import StudyRuns, study_runs
from mutransfer_cli.surface.observation import Observation


def ladder(**sizes: int) -> StudyRuns:
    return study_runs(
        [Observation(w, lr, 0, 2.0 + lr, **sizes) for w in (64, 128) for lr in (0.1, 0.2, 0.4)]  # type: ignore[arg-type]  # sizes only
    )


def test_a_longer_training_under_sgd() -> None:
    """Gradient descent at a constant batch: the rule steps gives rate ∝ 1/steps; none keeps it."""
    study = ladder(batch=16, steps=100)
    target = {"width": 128.0, "batch": 16.0, "steps": 400.0}
    (rule,) = assumed_rules(study, target, 0.1, TransferRules("sgd", "steps", "mup"))
    assert rule.rivals["none"] == pytest.approx(0.4)
    (reverse,) = assumed_rules(study, target, 0.1, TransferRules("sgd", "none", "mup"))
    assert reverse.rivals["steps"] == pytest.approx(0.025)


def test_a_table_has_no_rule_of_its_own() -> None:
    """Rates as they were run are kept; Complete(d)P would halve them at four times the steps."""
    study = ladder(batch=16, steps=100)
    target = {"width": 128.0, "batch": 16.0, "steps": 400.0}
    (rule,) = assumed_rules(study, target, 0.1, TransferRules())
    assert rule.source == "an assumption" and "unchanged" in rule.rule
    assert rule.rivals["steps"] == pytest.approx(0.05)
    assert rule.rivals["none"] == pytest.approx(0.1)


def test_a_deeper_target() -> None:
    study = ladder(depth=4)
    rules = TransferRules("adamw", "steps", "completep")
    (rule,) = assumed_rules(study, {"width": 128.0, "depth": 16.0}, 0.1, rules)
    assert rule.axis == "depth" and rule.ratio == pytest.approx(4) and not rule.rivals
    assert "completep" in rule.rule and "depth 16, width 64" in rule.settle


def test_nothing_is_assumed_of_axes_that_vary() -> None:
    study = ladder(batch=16, steps=100)
    same = {"width": 1024.0, "batch": 16.0, "steps": 100.0}
    assert assumed_rules(study, same, 0.1, TransferRules()) == ()
