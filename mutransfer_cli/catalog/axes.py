"""Axes along which a model grows from proxy to target, and the sizes that stand for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisEntry(Entry):
    """A row for an axis.

    Attributes:
        size: The number that grows along it: a field of every size, and a key of `base`, `ladder`
            and `target`.
        ratios: The sizes whose ratios target/base, multiplied, are the axis's multiplier.
        grows_model: The model itself grows along the axis, not only its training; the check can
            follow such an axis.
        keeps_tokens: A size given without a training length keeps the tokens: its steps shrink.
        default: The size at the base where nobody says; None: it has to be given. An axis of
            another package always has one: 1, where its row says none.
        checked: The check can follow it.
        implementation: Of an axis of another package: `package.module:attribute` of its
            `parameterization.rules.axis_rules.AxisRule`; empty: no hyperparameter follows it. The
            rules of the built-in axes are those of the parameterizations.
    """

    implementation: str = ""
    size: str
    ratios: tuple[str, ...]
    grows_model: bool = False
    keeps_tokens: bool = False
    default: int | None = None
    checked: bool = False

    def load(self) -> Any:
        """The rule of an axis of another package, or None where it has none."""
        return Entry.load(self) if self.implementation else None


_ROWS = (
    AxisEntry(
        name="width",
        summary="width of the model",
        size="width",
        ratios=("width",),
        grows_model=True,
        checked=True,
    ),
    AxisEntry(
        name="depth",
        summary="number of layers",
        size="depth",
        ratios=("depth",),
        grows_model=True,
        checked=True,
        default=2,
    ),
    AxisEntry(
        name="batch",
        summary="examples per step",
        size="batch",
        ratios=("batch",),
        keeps_tokens=True,
        default=16,
    ),
    AxisEntry(
        name="duration",
        summary="examples seen in training",
        size="steps",
        ratios=("steps", "batch"),
        default=200,
    ),
)

AXES = Registry("axes", AxisEntry, _ROWS)
FURTHER_AXES = tuple(row for row in AXES if row not in _ROWS)  # of other packages
# Sizes have these fields, in this order, wherever they stand in a document or on a screen.
SIZES = tuple(row.size for row in AXES)
BASE_DEFAULTS = {row.size: row.default for row in _ROWS if row.default is not None} | {
    row.size: row.default or 1 for row in FURTHER_AXES
}


def multipliers(base: Mapping[str, float], target: Mapping[str, float]) -> dict[str, float]:
    """The ratio target/base along each axis, of two sizes by field name."""
    ratio = {size: target[size] / base[size] for size in SIZES}
    return {row.name: prod(ratio[size] for size in row.ratios) for row in AXES}
