"""What a trial costs."""

from __future__ import annotations

import pytest

from mutransfer_cli.fit.transfer.trial_cost import cost_rule


def test_parameters_and_tokens_give_flops() -> None:
    sizes = {"params": 1e6, "tokens": 2e7}
    rule = cost_rule([sizes])
    assert rule.flops and rule.cost(sizes) == pytest.approx(6 * 1e6 * 2e7)


def test_without_them_the_cost_is_in_proportion() -> None:
    small, large = {"width": 64.0, "depth": 2.0}, {"width": 128.0, "depth": 4.0, "params": 1e6}
    rule = cost_rule([small, large])
    assert not rule.flops and "width^2" in rule.unit
    assert rule.cost(large) / rule.cost(small) == pytest.approx(8)  # 2² x 2


def test_parameters_without_width() -> None:
    rule = cost_rule([{"params": 1e6}, {"params": 2e6}])
    assert rule.cost({"params": 2e6}) / rule.cost({"params": 1e6}) == pytest.approx(2)
