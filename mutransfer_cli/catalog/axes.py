"""Axes along which a model grows from proxy to target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mutransfer_cli.catalog.registry import Entry, Registry

LOSS_EXPONENT = 0.4  # prior median of the exponent of the loss along any axis, or any size


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisEntry(Entry):
    """A row for an axis.

    Attributes:
        size: The number that grows along the axis: a field of every size, and a key of `base`,
            `ladder` and `target`.
        ratios: The sizes whose target/base ratios are multiplied to give the axis's multiplier.
        grows_model: Whether the model itself grows along the axis, not only its training.
        keeps_tokens: Whether a size on this axis that is given without a training length keeps the
            number of tokens, so that the number of steps shrinks.
        default: The size at the base where the recipe gives none; None: it is required. An axis of
            another package always has a default: 1, unless its row names another.
        widens: Whether the size is a width of its own, over which matrices sum: it decides their
            roles as the width does.
        from_inputs: Whether a model of a user's or Hugging Face's follows the size by its inputs,
            so that no argument of it does unless the recipe names one.
        traced: Whether the model may multiply results by a power of the size, which is measured.
        checked: Whether `mutransfer check` can vary this axis.
        loss_exponent: Prior median of the exponent with which the reducible loss falls along it:
            0.34 in the parameters (Hoffmann et al. 2022), and so more in the width, of which their
            number is the square.
        implementation: For a further axis, `package.module:attribute` of its rule in
            `parameterization.rules.axis_rules`; empty: no hyperparameter depends on the axis but
            by the fans. The first four axes follow the rules of the parameterizations.
    """

    implementation: str = ""
    size: str
    ratios: tuple[str, ...]
    grows_model: bool = False
    keeps_tokens: bool = False
    default: int | None = None
    widens: bool = False
    from_inputs: bool = False
    traced: bool = False
    checked: bool = False
    loss_exponent: float = LOSS_EXPONENT

    def load(self) -> Any:
        """The rule of a further axis, or None where it has none."""
        return Entry.load(self) if self.implementation else None


# Axes whose sizes are fields of the classes that hold sizes.
BUILT_IN = (
    AxisEntry(
        name="width",
        summary="width of the model",
        size="width",
        ratios=("width",),
        grows_model=True,
        checked=True,
        loss_exponent=0.55,
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

# Further axes, which need a row alone: `further_sizes` adds their fields.
FURTHER: tuple[AxisEntry, ...] = (
    AxisEntry(
        name="experts",
        summary="number of experts of a mixture",
        implementation="mutransfer_cli.parameterization.axes.expert_rules:EXPERTS",
        size="experts",
        ratios=("experts",),
        grows_model=True,
        checked=True,
        default=1,
        loss_exponent=0.1,
    ),
    AxisEntry(
        name="active_experts",
        summary="experts that a token is sent to",
        implementation="mutransfer_cli.parameterization.axes.expert_rules:ACTIVE_EXPERTS",
        size="active_experts",
        ratios=("active_experts",),
        grows_model=True,
        checked=True,
        default=1,
        loss_exponent=0.1,
    ),
    AxisEntry(
        name="expert_width",
        summary="hidden width of each expert",
        implementation="mutransfer_cli.parameterization.axes.expert_rules:EXPERT_WIDTH",
        size="expert_width",
        ratios=("expert_width",),
        grows_model=True,
        widens=True,
        checked=True,
        default=1,
        loss_exponent=0.2,
    ),
    AxisEntry(
        name="rank",
        summary="rank of low-rank adapters",
        implementation="mutransfer_cli.parameterization.axes.adapter_rules:RANK",
        size="rank",
        ratios=("rank",),
        grows_model=True,
        traced=True,
        checked=True,
        default=1,
        loss_exponent=0.2,
    ),
    AxisEntry(
        name="seq_len",
        summary="tokens of a sequence; where the base has none, data.seq_len at every size",
        size="seq_len",
        ratios=("seq_len",),
        grows_model=True,
        from_inputs=True,
        default=1,
        loss_exponent=0.1,
    ),
)

AXES = Registry("axes", AxisEntry, (*BUILT_IN, *FURTHER))
