"""The exponents of the depth, against the sources and by hand."""

from __future__ import annotations

import pytest

from mutransfer_cli.optimizers.geometry import GRADIENT, SIGN, Geometry
from mutransfer_cli.parameterization.choices.depth_rate import (
    DepthPosition,
    depth_choice,
    depth_note,
    depth_rule_of,
)
from mutransfer_cli.parameterization.plan_config import PlanConfig
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.parameterization.rows.depth_rule import CONSTANT_IN_DEPTH, DepthRule

OUTSIDE = DepthPosition(
    in_block=False,
    looped=False,
    ends_branch=False,
    on_stream=False,
    has_branches=True,
    folded=False,
)


def position(**what: bool) -> DepthPosition:
    return DepthPosition(**{**{n: getattr(OUTSIDE, n) for n in OUTSIDE.__slots__}, **what})


def rule(
    where: DepthPosition, depth: str = "parameterization", geometry: Geometry = SIGN,
    alpha: float = 1.0, name: str = "completep",
) -> DepthRule:  # fmt: skip
    config = PlanConfig(name, depth=depth, depth_alpha=alpha)
    return depth_rule_of(config, parameterization_of(name), geometry, where)


@pytest.mark.parametrize("geometry", [SIGN, GRADIENT])
@pytest.mark.parametrize("where", [OUTSIDE, position(in_block=True)])
def test_maximal_updates_have_one_exponent_for_all(
    where: DepthPosition, geometry: Geometry
) -> None:
    # arXiv 2510.04327, abstract: η ∝ L^-3/2, one rate for the network
    assert rule(where, "maximal-update", geometry, name="mup").lr == -1.5


def test_branches_start_with_variance_over_their_number() -> None:
    # arXiv 2510.04327, abstract: Var[W] = c / (K fan_in), so std ∝ K^-1/2
    ends = rule(position(in_block=True, ends_branch=True), "maximal-update", name="mup")
    inner = rule(position(in_block=True), "maximal-update", name="mup")
    assert (ends.init, inner.init) == (-0.5, 0.0)
    assert (ends.gradient, inner.gradient) == (0.0, -0.5)  # only the inner ones lie behind it
    plain = rule(position(in_block=True, has_branches=False), "maximal-update", name="mup")
    assert (plain.init, plain.gradient) == (0.0, 0.0)
    assert rule(OUTSIDE, "maximal-update", name="mup").init == 0.0


@pytest.mark.parametrize("geometry", [SIGN, GRADIENT])
def test_looped_blocks_keep_their_rate(geometry: Geometry) -> None:
    # arXiv 2606.18524, abstract: with branches 1/N the rate depends on the unique layers only
    looped = position(looped=True)
    assert rule(looped, geometry=geometry) == CONSTANT_IN_DEPTH
    # N changes m^-α η add up; N gradients m^-α as well
    half = rule(looped, geometry=geometry, alpha=0.5)
    assert (half.lr, half.gradient) == (-0.5 if geometry == SIGN else -1.0, 0.5)


def test_a_folded_multiplier_of_a_looped_block() -> None:
    # W' = W/m: its init and rate under Adam scale as 1/m, its gradient as m
    found = rule(position(looped=True, ends_branch=True, folded=True))
    assert (found.init, found.lr, found.gradient) == (-1.0, -1.0, 1.0)


@pytest.mark.parametrize(
    ("looped", "geometry", "lr"),
    [(False, SIGN, -1.0), (False, GRADIENT, -1.0), (True, SIGN, -1.0), (True, GRADIENT, -2.0)],
)
def test_norms_on_the_stream(looped: bool, geometry: Geometry, lr: float) -> None:
    # m changes η (under SGD η times the gradient, m where it is looped) add up without a multiplier
    where = position(in_block=not looped, looped=looped, on_stream=True)
    assert rule(where, geometry=geometry).lr == lr
    assert "no published rule" in depth_note(rule(where, geometry=geometry), where)
    assert rule(where, name="mup") == CONSTANT_IN_DEPTH
    assert depth_note(CONSTANT_IN_DEPTH, where) == ""


def test_the_choice_names_its_evidence() -> None:
    mup = parameterization_of("mup")
    taken = depth_choice(PlanConfig("mup", depth="maximal-update"), mup, GRADIENT)
    assert taken.kind == "theory" and "depth^-3/2" in taken.taken and "2510.04327" in taken.source
    assert "second-hand" in taken.source
    assert depth_choice(PlanConfig("mup", depth="maximal-update"), mup, SIGN).kind == "assumption"
    none = depth_choice(PlanConfig("mup"), mup, SIGN)
    assert none.kind == "assumption" and "maximal-update" in none.others
    assert "check --axis depth" in none.others
