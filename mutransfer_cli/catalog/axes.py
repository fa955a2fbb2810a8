"""Axes along which a model grows from proxy to target."""

from __future__ import annotations

from dataclasses import dataclass
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


BUILT_IN = (
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

AXES = Registry("axes", AxisEntry, BUILT_IN)
