"""Matches what was measured of an optimizer with a geometry whose exponents it shares."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

from mutransfer_cli.catalog.lr_adjustments import LR_ADJUSTMENTS
from mutransfer_cli.optimizers.geometry import (
    FIXED_NORM,
    FIXED_NORM_SPECTRAL,
    GRADIENT,
    RELATIVE,
    SIGN,
    SPECTRAL,
    Geometry,
)
from mutransfer_cli.optimizers.own.measured_geometry import MeasuredUpdate, Responses
from mutransfer_cli.optimizers.shape_factors import lr_adjustment

TOLERANCE = 0.1  # largest error of an exponent
# The same for small gradients, of which an epsilon may be a part (Adadelta 0.18); another kind
# takes a prior or a bound away from that: 0.33 to 0.8 (Yogi, VSGD, AdaBound).
SMALL_TOLERANCE = 0.25
# Newton-Schulz iterations leave singular values of 0.7 to 1.2; formulas differ by 1.5 octaves or
# more at these shapes.
LARGEST_SPREAD = 0.6  # octaves between shapes


@dataclass(frozen=True, slots=True)
class Match:
    """A known geometry.

    Attributes:
        geometry: The geometry.
        adjust_lr: For orthogonalized updates, the convention that gives their factors up to a
            constant.
    """

    geometry: Geometry
    adjust_lr: str | None = None


def known_geometry(measured: MeasuredUpdate) -> Match | None:
    """The geometry whose exponents an optimizer shares; None: none is known."""
    if measured.factors:
        over = measured.matrix
        convention = shared_convention(measured)
        scales = (over.gradient, over.weight, over.neighbor, over.rate)
        kept = measured.keeps_norm
        if convention is None or by_size(over) or not _close(scales, (0, 1 if kept else 0, 0, 1)):
            return None
        return Match(FIXED_NORM_SPECTRAL if kept else SPECTRAL, convention)
    found = _by_entries(measured.matrix)
    if found == RELATIVE and measured.keeps_norm:
        return Match(FIXED_NORM)
    if found is None or measured.vector is None or _by_entries(measured.vector) != found:
        return None
    return Match(found)


def shared_convention(measured: MeasuredUpdate) -> str | None:
    """The first convention of the catalog whose factors are the measured ones, up to a constant."""
    for name in LR_ADJUSTMENTS.names:
        adjustment = lr_adjustment(name)
        octaves = [log2(factor / adjustment(s)) for s, factor in measured.factors.items()]
        if max(octaves) - min(octaves) <= LARGEST_SPREAD:
            return name
    return None


def _by_entries(responses: Responses) -> Geometry | None:
    """The geometry in which entries do not depend on the tensor's sides, but on this scale."""
    others = (responses.neighbor, *responses.sides)
    if not _close((responses.rate, *others), (1, *(0 for _ in others))):
        return None
    if by_size(responses):
        return None
    for geometry, scales in ((GRADIENT, (1, 0)), (SIGN, (0, 0)), (RELATIVE, (0, 1))):
        if _close((responses.gradient, responses.weight), scales):
            return geometry
    return None


def by_size(responses: Responses) -> bool:
    """Whether the kind of the update depends on the size of the gradient."""
    return abs(responses.gradient - responses.small_gradient) > SMALL_TOLERANCE


def _close(found: tuple[float, ...], expected: tuple[float, ...]) -> bool:
    return all(abs(a - b) <= TOLERANCE for a, b in zip(found, expected, strict=True))
