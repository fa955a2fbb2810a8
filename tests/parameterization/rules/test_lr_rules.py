"""The derived rules against the published tables, and the identities that they must satisfy.

Numbers in this file are from the papers named beside them, not from the code.
"""

from __future__ import annotations

import pytest

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.optimizers.geometry import GRADIENT, RELATIVE, SIGN, SPECTRAL, Geometry
from mutransfer_cli.optimizers.protocol import optimizer_spec
from mutransfer_cli.parameterization.protocol import Parameterization, parameterization_of
from mutransfer_cli.parameterization.rows.powers import ONE, Power, Row
from mutransfer_cli.parameterization.rows.published import ROLES, PublishedRates
from mutransfer_cli.parameterization.rules.lr_rules import LrRule, lr_rule
from mutransfer_cli.parameterization.rules.mup_tables import MUP_FORMS

GROWS = {"input": (False, True), "hidden": (True, True), "readout": (True, False)}


FORMS = ("multiplier", "absorbed")


def published() -> list[tuple[Parameterization, PublishedRates]]:
    """Every published triple, with the parameterization that quotes it."""
    known = [parameterization_of(name) for name in PARAMETERIZATIONS.names]
    return [
        (parameterization, rates)
        for parameterization in known
        for rates in parameterization.published
    ]


def label(case: object) -> str:
    """A published triple's name among the test's parameters."""
    if isinstance(case, PublishedRates):
        return f"{case.form} {case.geometry.name} {case.alignment} {case.source}"
    return case.name if isinstance(case, Parameterization) else ""


def rule_of(name: str, role: str, geometry: Geometry, row: Row | None = None) -> LrRule:
    """The rule of a role, in the form of its own row unless another row is given."""
    parameterization = parameterization_of(name)
    return lr_rule(parameterization, geometry, role, row or parameterization.row(role))


@pytest.mark.parametrize(("parameterization", "rates"), published(), ids=label)
def test_published_learning_rates(
    parameterization: Parameterization, rates: PublishedRates
) -> None:
    rows = MUP_FORMS.get(rates.form, parameterization.rows)
    found = tuple(
        lr_rule(
            parameterization, rates.geometry, role, rows[role], alignment=rates.alignment
        ).lr.in_width(*GROWS[role])
        for role in ROLES
    )
    assert found == rates.lr


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
        adam = rule_of("mup", role, SIGN, row)
        found = [p.in_width(*GROWS[role]) for p in (row.init, row.multiplier, adam.lr)]
        assert found == list(wanted)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("geometry", [SIGN, GRADIENT, RELATIVE, SPECTRAL], ids=lambda g: g.name)
def test_the_forms_are_one_function(role: str, geometry: Geometry) -> None:
    """abc-symmetry: mult·std, mult·lr (Adam), mult²·lr (SGD), lr (relative) and ε/mult agree."""
    power = {GRADIENT: 2, RELATIVE: 0}.get(geometry, 1)
    seen = set()
    for rows in MUP_FORMS.values():
        row = rows[role]
        rule = rule_of("mup", role, geometry, row)

        def width(p: Power) -> float:
            return p.in_width(*GROWS[role])

        seen.add(
            (
                width(row.multiplier) + width(row.init),
                power * width(row.multiplier) + width(rule.lr),
                width(rule.gradient) - width(row.multiplier),
            )
        )
    assert len(seen) == 1


@pytest.mark.parametrize("name", PARAMETERIZATIONS.names)
@pytest.mark.parametrize("form", FORMS)
def test_absorbing_changes_no_function(name: str, form: str) -> None:
    parameterization = parameterization_of(name)
    for role in ROLES:
        kept, used = parameterization.rows[role], parameterization.row(role, form)
        assert kept.init * kept.multiplier == used.init * used.multiplier


def test_ntk_is_sp_with_rates_for_each_layer() -> None:
    """Everett et al.: NTK and SP are one class, muP and mean-field another (full alignment)."""
    for pair in (("ntk", "sp"), ("mean-field", "mup")):
        left, right = (parameterization_of(name) for name in pair)
        for role in ROLES:
            for geometry in (GRADIENT, SIGN, RELATIVE):
                a, b = (
                    lr_rule(
                        p, geometry, role, p.row(role, "absorbed"), alignment="full"
                    ).lr.in_width(*GROWS[role])
                    for p in (left, right)
                )
                assert a == b, (*pair, role, geometry.name)


def test_sp_has_one_rate_unless_an_alignment_is_given() -> None:
    sp = parameterization_of("sp")
    for role in ROLES:
        assert rule_of("sp", role, SIGN).lr == ONE
    hidden = lr_rule(sp, SIGN, "hidden", sp.row("hidden"), alignment="full")
    assert hidden.lr(4, 4) == 0.25


def test_muon_keeps_its_rate_for_a_fixed_aspect_ratio() -> None:
    """QIU: spectral rule √(fan_out/fan_in), so constant where both grow alike."""
    rule = rule_of("mup", "hidden", SPECTRAL)
    assert rule.lr(8, 8) == pytest.approx(1.0)
    assert rule.lr(1, 4) == pytest.approx(2.0)


def test_umup_beyond_the_package_is_derived() -> None:
    """Unit weights behind 1/√n: an orthogonal step of norm 1 has to be √n times larger."""
    assert rule_of("umup", "hidden", SPECTRAL).lr(16, 16) == pytest.approx(4.0)
    umup = parameterization_of("umup")
    assert umup.lr_source(optimizer_spec("muon"), "multiplier", None) == "derived"
    assert umup.lr_source(optimizer_spec("adamw"), "multiplier", None) == "US optim.py"


@pytest.mark.parametrize(
    ("name", "optimizer", "readout", "alignment", "source"),
    [
        ("mup", "adamw", "multiplier", None, "TP5 Table 8"),
        ("completep", "sgd", "absorbed", None, "TP5 Table 3"),
        ("mup", "lion", "multiplier", None, "LING"),
        ("mup", "lion", "absorbed", None, "derived"),
        ("mup", "muon", "multiplier", None, "QIU"),
        ("mup", "adafactor", "multiplier", None, "derived"),
        ("sp", "lion", "multiplier", None, "TP5 Table 3, SP"),
        ("sp", "adam", "multiplier", "none", "EV Table 1"),
        ("mean-field", "adafactor", "multiplier", "none", "derived"),
    ],
)
def test_source_of_a_learning_rate(
    name: str, optimizer: str, readout: str, alignment: str | None, source: str
) -> None:
    found = parameterization_of(name).lr_source(optimizer_spec(optimizer), readout, alignment)
    assert found == source
