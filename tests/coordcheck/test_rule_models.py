"""Checks of disputed rules and further axes: right models pass, and what is left out is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.coordcheck.entry import check_target
from tests.benchmarks.rule_alarms import right, wrong
from tests.helpers.rule_models import RULES

CONSTANT_FACTOR = RULES["lora, constant factor"]


def test_adapters_over_their_rank(tmp_path: Path) -> None:
    """A factor that does not follow the rank: rate ∝ 1/rank."""
    path = tmp_path / "r.yaml"
    path.write_text("name: kind\n" + CONSTANT_FACTOR.text)
    small = ["base.depth=1", "base.width=32"]
    assert check_target(str(path), axis="rank", sets=small, seeds=2).verdict == "pass"
    # the control: without the rule, B's update grows like the rank; A has the same rate
    report = check_target(str(path), axis="rank", sets=[*small, "rules.rank=invariant"], seeds=2)
    findings = {t.name: t.finding for t in report.tensors if t.verdict == "fail"}
    assert findings == {
        "layers.0.lora_A.weight": "lr-too-large",
        "layers.0.lora_B.weight": "lr-too-large",
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_right_models_pass_and_an_error_is_named(name: str, tmp_path: Path) -> None:
    kind = RULES[name]
    report = right(kind, 0, tmp_path)
    assert report.verdict == "pass", report.document.reason
    if kind.error is None:
        return
    report, names = wrong(kind, 0)
    bad = {t.name for t in report.tensors if t.verdict == "fail"}
    assert bad and bad <= names
