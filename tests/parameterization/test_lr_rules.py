"""The derived rules against the published tables, and the identities that they must satisfy.

Numbers in this file are from the papers named beside them, not from the code.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutransfer_cli.parameterization import init_tables as table
from mutransfer_cli.parameterization.depth_rules import depth_rule
from mutransfer_cli.parameterization.horizon_rules import horizon_rule
from mutransfer_cli.parameterization.lr_rules import rates
from mutransfer_cli.parameterization.published import (
    MUP_FORMS,
    PUBLISHED,
    ROLES,
    Published,
    source_of,
)

GROWS = {"input": (False, True), "hidden": (True, True), "readout": (True, False)}


@pytest.mark.parametrize("p", PUBLISHED, ids=lambda p: f"{p.form} {p.optimizer} {p.alignment}")
def test_published_learning_rates(p: Published) -> None:
    rows = MUP_FORMS[p.form] if p.form in MUP_FORMS else table.TABLE[p.form]
    name = "mup" if p.form in MUP_FORMS else p.form
    found = tuple(
        rates(rows[role], role, name, p.optimizer, alignment=p.alignment).lr.in_width(*GROWS[role])
        for role in ROLES
    )
    assert found == p.lr


# Tensor Programs V, Tables 3, 8, 9 once more, typed from the paper: init, multiplier, Adam rate
TP5 = {
    "table 3": {"input": (0, 0, 0), "hidden": (-0.5, 0, -1), "readout": (-1, 0, -1)},
    "table 8": {"input": (0, 0, 0), "hidden": (-0.5, 0, -1), "readout": (0, -1, 0)},
    "table 9": {"input": (-0.5, 0.5, -0.5), "hidden": (-0.5, 0, -1), "readout": (-0.5, -0.5, -0.5)},
}


@pytest.mark.parametrize("form", TP5)
def test_the_three_forms_of_mup(form: str) -> None:
    for role, wanted in TP5[form].items():
        row = MUP_FORMS[form][role]
        adam = rates(row, role, "mup", "adam")
        found = [p.in_width(*GROWS[role]) for p in (row.init, row.multiplier, adam.lr)]
        assert found == list(wanted)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("optimizer", ["adam", "lion", "sgd", "adafactor", "muon"])
def test_the_forms_are_one_function(role: str, optimizer: str) -> None:
    """abc-symmetry: mult·std, mult·lr (Adam), mult²·lr (SGD), lr (relative) and ε/mult agree."""
    power = {"sgd": 2, "adafactor": 0}.get(optimizer, 1)
    seen = set()
    for rows in MUP_FORMS.values():
        row = rows[role]
        rule = rates(row, role, "mup", optimizer)

        def width(p: table.Power) -> float:
            return p.in_width(*GROWS[role])

        seen.add(
            (
                width(row.multiplier) + width(row.init),
                power * width(row.multiplier) + width(rule.lr),
                width(rule.gradient) - width(row.multiplier),
            )
        )
    assert len(seen) == 1


@pytest.mark.parametrize("name", table.PARAMETERIZATIONS)
@pytest.mark.parametrize("form", table.FORMS)
def test_absorbing_changes_no_function(name: str, form: str) -> None:
    for role in ROLES:
        kept, used = table.TABLE[name][role], table.row(name, role, form)
        assert kept.init * kept.multiplier == used.init * used.multiplier


def test_ntk_is_sp_with_rates_for_each_layer() -> None:
    """Everett et al.: NTK and SP are one class, muP and mean-field another (full alignment)."""
    for left, right in (("ntk", "sp"), ("mean-field", "mup")):
        for role in ROLES:
            for optimizer in ("sgd", "adam", "adafactor"):
                a, b = (
                    rates(
                        table.row(n, role, "absorbed"), role, n, optimizer, alignment="full"
                    ).lr.in_width(*GROWS[role])
                    for n in (left, right)
                )
                assert a == b, (left, right, role, optimizer)


def test_sp_has_one_rate_unless_an_alignment_is_asked_for() -> None:
    for role in ROLES:
        row = table.row("sp", role)
        assert rates(row, role, "sp", "adamw").lr == table.ONE
    hidden = table.row("sp", "hidden")
    assert rates(hidden, "hidden", "sp", "adamw", alignment="full").lr(4, 4) == 0.25


def test_muon_keeps_its_rate_for_a_fixed_aspect_ratio() -> None:
    """QIU: spectral rule √(fan_out/fan_in), so constant where both grow alike."""
    rule = rates(table.row("mup", "hidden"), "hidden", "mup", "muon")
    assert rule.lr(8, 8) == pytest.approx(1.0)
    assert rule.lr(1, 4) == pytest.approx(2.0)


def test_umup_beyond_the_package_is_derived() -> None:
    """Unit weights behind 1/√n: an orthogonal step of norm 1 has to be √n times larger."""
    rule = rates(table.row("umup", "hidden"), "hidden", "umup", "muon")
    assert rule.lr(16, 16) == pytest.approx(4.0)
    assert source_of("umup", "muon", "multiplier", None) == "derived"
    assert source_of("umup", "adamw", "multiplier", None) == "US optim.py"


@pytest.mark.parametrize(
    ("optimizer", "alpha", "lr"),
    # rules of depth: SGD 2α-1, Adam, Lion and Muon α-1
    [("sgd", 0.5, 0), ("sgd", 1, 1), ("adamw", 0.5, -0.5), ("adamw", 1, 0), ("muon", 0.5, -0.5)],
)
def test_depth(optimizer: str, alpha: float, lr: float) -> None:
    rule = depth_rule("completep", optimizer, alpha, True, False)
    assert (rule.lr, rule.gradient, rule.multiplier) == (lr, -alpha, 0)
    outside = depth_rule("completep", optimizer, alpha, False, False)
    assert (outside.lr, outside.gradient) == (0, 0)
    # folded into the tensor that ends the branch: init · m_L^-α; rate · m_L^-α (Adam), ² (SGD)
    ends = depth_rule("completep", optimizer, alpha, True, True)
    assert ends.init == -alpha
    assert ends.lr - rule.lr == -alpha * (2 if optimizer == "sgd" else 1)
    assert depth_rule("mup", optimizer, alpha, True, True).lr == 0


ratio = st.floats(0.1, 1000)


@given(ratio, ratio)
def test_steps_alone_count_under_the_steps_rule(m: float, other: float) -> None:
    """Complete(d)P: batch and duration doubled together change nothing."""
    one = horizon_rule("steps", "scale", "adamw", m, other)
    two = horizon_rule("steps", "scale", "adamw", 2 * m, 2 * other)
    assert one == pytest.approx(two)
    assert one.lr * one.weight_decay * other / m == pytest.approx(1)  # lr · decay ∝ 1/steps


def test_twice_the_tokens_at_one_batch() -> None:
    """Complete(d)P: rate and decay ÷ √2, epsilon × √2, β2 .95 → .95^½ = .97468."""
    rule = horizon_rule("steps", "keep", "adamw", 1, 2)
    assert (rule.lr, rule.weight_decay, rule.eps) == pytest.approx((2**-0.5, 2**-0.5, 2**0.5))
    assert 0.95**rule.beta2 == pytest.approx(0.97468, abs=1e-5)
    assert rule.beta1 == 1.0


def test_twice_the_batch_at_one_length() -> None:
    """Malladi: Adam √2, SGD 2; Marek: β2' = β2²; decay keeps lr · decay · steps."""
    rule = horizon_rule("none", "keep", "adamw", 2, 1)
    assert (rule.lr, rule.beta2, rule.beta1) == pytest.approx((2**0.5, 2, 1))
    assert rule.lr * rule.weight_decay * 0.5 == pytest.approx(1)
    assert horizon_rule("none", "keep", "sgd", 2, 1).lr == pytest.approx(2)
    # Bjorck: at one batch the rate falls as tokens^-0.32
    assert horizon_rule("empirical", "keep", "adamw", 1, 10).lr == pytest.approx(10**-0.32)


@given(ratio, ratio, ratio, ratio, st.sampled_from(["steps", "empirical", "none"]))
def test_scaling_twice_is_scaling_once(a: float, b: float, c: float, d: float, name: str) -> None:
    first, second = (horizon_rule(name, "scale", "adamw", x, y) for x, y in ((a, b), (c, d)))
    both = horizon_rule(name, "scale", "adamw", a * c, b * d)
    for field in ("lr", "weight_decay", "eps", "beta1", "beta2"):
        product = getattr(first, field) * getattr(second, field)
        assert getattr(both, field) == pytest.approx(product, rel=1e-9)
