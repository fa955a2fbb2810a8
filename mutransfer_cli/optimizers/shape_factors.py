"""Factors on Muon's update that depend on a matrix's shape, and conventions made from them.

A row of `catalog.lr_adjustments` names a function of (out, in) and a coefficient. `LrAdjustment`
is such a row with the recipe's coefficient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose, log2, sqrt
from typing import Protocol

from mutransfer_cli.catalog.lr_adjustments import LR_ADJUSTMENTS, LrAdjustmentEntry


class ShapeFactor(Protocol):
    """The implementation of a row: the factor on an update of spectral norm 1."""

    def __call__(self, fan_out: float, fan_in: float) -> float:
        """The factor for a matrix of this shape."""
        ...


def clamped_ratio(fan_out: float, fan_in: float) -> float:
    """√max(1, out/in) (Jordan et al. 2024)."""
    return sqrt(max(1.0, fan_out / fan_in))


def ratio(fan_out: float, fan_in: float) -> float:
    """√(out/in), the spectral condition (Yang, Simon and Bernstein, arXiv 2310.17813)."""
    return sqrt(fan_out / fan_in)


def longer_side(fan_out: float, fan_in: float) -> float:
    """√max(out, in): entries of RMS 1 (Liu et al., arXiv 2502.16982)."""
    return sqrt(max(fan_out, fan_in))


def constant(fan_out: float, fan_in: float) -> float:
    """No factor."""
    return 1.0


@dataclass(frozen=True, slots=True)
class LrAdjustment:
    """A convention with its coefficient.

    Attributes:
        row: Its row in the catalog.
        coefficient: Factor in front of the function of the shape.
    """

    row: LrAdjustmentEntry
    coefficient: float

    @property
    def name(self) -> str:
        """The name in the catalog."""
        return self.row.name

    @property
    def formula(self) -> str:
        """The formula as text, with the coefficient."""
        return self.row.formula.replace("c·", f"{self.coefficient:g}·").removeprefix("1·")

    def __call__(self, shape: Sequence[float]) -> float:
        """The factor on the update of a matrix of this shape, (out, in)."""
        function: ShapeFactor = self.row.load()
        return self.coefficient * function(shape[0], shape[1])

    def same_as(self, other: LrAdjustment) -> bool:
        """Whether another convention is the same formula under another name."""
        return self.row.implementation == other.row.implementation and isclose(
            self.coefficient, other.coefficient
        )

    @property
    def width_exponent(self) -> float:
        """The exponent of the width in the factor of a matrix whose two sides grow alike."""
        return log2(self((4.0, 4.0)) / self((1.0, 1.0))) / 2

    @property
    def transfers(self) -> bool:
        """Whether the factor is that of the spectral condition at all shapes, up to a constant."""
        shapes = ((1.0, 1.0), (4.0, 1.0), (1.0, 4.0), (4.0, 4.0))
        shares = [self(shape) / ratio(*shape) for shape in shapes]
        return all(isclose(share, shares[0]) for share in shares)


def lr_adjustment(name: str, coefficient: float | None = None) -> LrAdjustment:
    """A convention of the catalog.

    Args:
        name: Its name.
        coefficient: The recipe's coefficient; None: that of the row.

    Raises:
        InputError: There is no such convention.
    """
    row = LR_ADJUSTMENTS.require(name, ("optimizer", "adjust_lr"))
    return LrAdjustment(row, row.coefficient if coefficient is None else coefficient)


def other_names(adjustment: LrAdjustment) -> tuple[str, ...]:
    """The names of the conventions that are the same formula."""
    others = (lr_adjustment(name) for name in LR_ADJUSTMENTS.names if name != adjustment.name)
    return tuple(other.name for other in others if other.same_as(adjustment))
