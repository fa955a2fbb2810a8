"""CompleteP's depth rules, against the exponents of the paper."""

from __future__ import annotations

import pytest

from mutransfer_cli.optimizers.protocol import optimizer_spec
from mutransfer_cli.parameterization.protocol import parameterization_of


@pytest.mark.parametrize(
    ("optimizer", "alpha", "lr"),
    # rules of depth: SGD 2α-1, Adam, Lion and Muon α-1
    [("sgd", 0.5, 0), ("sgd", 1, 1), ("adamw", 0.5, -0.5), ("adamw", 1, 0), ("muon", 0.5, -0.5)],
)
def test_depth(optimizer: str, alpha: float, lr: float) -> None:
    completep, geometry = parameterization_of("completep"), optimizer_spec(optimizer).geometry
    rule = completep.depth_rule(geometry, alpha, True, False)
    assert (rule.lr, rule.gradient, rule.multiplier) == (lr, -alpha, 0)
    outside = completep.depth_rule(geometry, alpha, False, False)
    assert (outside.lr, outside.gradient) == (0, 0)
    # folded into the tensor that ends the branch: init · m_L^-α; rate · m_L^-α (Adam), ² (SGD)
    ends = completep.depth_rule(geometry, alpha, True, True)
    assert ends.init == -alpha
    assert ends.lr - rule.lr == -alpha * (2 if optimizer == "sgd" else 1)
    assert parameterization_of("mup").depth_rule(geometry, alpha, True, True).lr == 0
