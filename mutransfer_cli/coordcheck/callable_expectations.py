"""The exponents to expect of a callable's tensors, given how its optimizer moves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mutransfer_cli.coordcheck.verdict.expected_exponents import (
    Expectation,
    expectation,
    is_judged,
    with_own_factors,
)
from mutransfer_cli.optimizers.geometry import Geometry
from mutransfer_cli.optimizers.protocol import optimizer_spec
from mutransfer_cli.optimizers.shape_factors import LrAdjustment
from mutransfer_cli.tracing.family import Family
from mutransfer_cli.tracing.tensor_shape import TensorShape

DEFAULT_OPTIMIZER = "adamw"  # for callables that have no optimizer


def expectations(
    family: Family,
    parameterization: str,
    geometries: Mapping[str, Geometry],
    convention: LrAdjustment | None = None,
) -> dict[str, Expectation]:
    """The expected exponents of every tensor for which there is a rule.

    Args:
        family: The traced model.
        parameterization: Name of the parameterization to compare with.
        geometries: Geometry of the updates by tensor; for other tensors, that of our default
            optimizer is used.
        convention: How the optimizer scales orthogonalized updates; None: unknown, so that their
            rates are not judged from the groups.
    """
    default = optimizer_spec(DEFAULT_OPTIMIZER).geometry
    expected = {}
    for tensor in family.tensors:
        if is_judged(tensor, family):
            geometry = geometries.get(tensor.name, default)
            outside = family.outside_powers.get(tensor.name, 0.0)
            e = expectation(tensor, parameterization, geometry, tied=family.tied, outside=outside)
            if geometry.spectral:
                # its step depends on the shape in a way that does not show in the groups
                lr = e.lr if convention is not None else None
                e = replace(e, lr=lr, adjustment=convention)
            expected[tensor.name] = e
    return with_own_factors(expected, family)


def frozen_tensors(family: Family) -> dict[str, tuple[str, str]]:
    """Role and reason of every tensor of a pretrained model that is not trained."""
    why = "it is frozen, and so no part of what is trained"
    return {name: (family.tensor(name).role, why) for name in sorted(family.frozen)}


def unjudged_tensors(family: Family) -> dict[str, tuple[str, str]]:
    """Role and reason of every tensor for which there is no rule."""
    fixed = "its role is fixed: there is no rule for it"
    ports = "the model divides its layer's output by the width; common ports disagree on its rate"
    beside = "it is frozen, and no matrix that is trained depends on it"

    def reason(t: TensorShape) -> str:
        if t.name in family.beside:
            return beside
        return fixed if t.role == "fixed" else ports

    return {t.name: (t.role, reason(t)) for t in family.tensors if not is_judged(t, family)}
