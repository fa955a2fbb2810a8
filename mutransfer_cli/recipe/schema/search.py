"""Sections `search` and `train`: what is varied, how, and by which program."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from mutransfer_cli.catalog.fields import (
    Bounds,
    Natural,
    Number,
    Positive,
    PositiveNumber,
    Section,
    Text,
    refuse,
)

Scale: TypeAlias = Literal["log2", "log10", "linear", "choice"]
OCTAVE = 0.30102999566398120  # log10 of 2
_CELLS = 10  # of a linear range without a step


class Space(Section):
    """The values of one hyperparameter: a range on a scale, or a choice."""

    log2: Bounds | None = None
    """Powers of two: [low, high] are exponents."""
    log10: Bounds | None = None
    """Powers of ten: [low, high] are exponents."""
    linear: Bounds | None = None
    """[low, high] as they are."""
    step: PositiveNumber | None = None
    """Grid distance on the scale; null: an octave, or a tenth of a linear range."""
    choice: Annotated[tuple[Number, ...], Field(min_length=1)] | None = None
    """The values themselves."""

    @model_validator(mode="after")
    def _one_scale(self) -> Space:
        given = [s for s in ("log2", "log10", "linear", "choice") if getattr(self, s) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise refuse(f"give exactly one of log2, log10, linear, choice; found {found}")
        if self.choice is not None:
            if self.step is not None:
                raise refuse("a choice has no step")
            return self
        low, high = self.bounds
        if not low < high:
            raise refuse(f"the low end comes first: expected low < high, found [{low:g}, {high:g}]")
        limit = {"log2": 1000.0, "log10": 300.0}.get(given[0])
        if limit is not None and max(abs(low), abs(high)) > limit:
            raise refuse(
                f"{given[0]} takes exponents: log2: [-12, -3] is from 2^-12 to 2^-3; "
                f"found [{low:g}, {high:g}]"
            )
        if self.step is not None and self.step > high - low:
            raise refuse(f"step {self.step:g} is longer than the range [{low:g}, {high:g}]")
        return self

    @property
    def scale(self) -> Scale:
        """Which of the four keys is given."""
        if self.log2 is not None:
            return "log2"
        if self.log10 is not None:
            return "log10"
        return "linear" if self.linear is not None else "choice"

    @property
    def bounds(self) -> tuple[float, float]:
        """Low and high on the scale (exponents for log2 and log10); of a choice its extremes."""
        pair = self.log2 or self.log10 or self.linear
        if pair is not None:
            return pair
        assert self.choice is not None
        return min(self.choice), max(self.choice)

    @property
    def spacing(self) -> float | None:
        """Distance of grid points on the scale; null for a choice."""
        if self.choice is not None:
            return None
        if self.step is not None:
            return self.step
        low, high = self.bounds
        return {"log2": 1.0, "log10": OCTAVE}.get(self.scale, (high - low) / _CELLS)

    def value(self, position: float) -> float:
        """The hyperparameter at a position on the scale."""
        power = {"log2": 2.0, "log10": 10.0}.get(self.scale)
        return position if power is None else float(power**position)

    def grid(self) -> tuple[float, ...]:
        """Every grid value, low to high (a choice: in its own order)."""
        if self.choice is not None:
            return self.choice
        low, high = self.bounds
        spacing = self.spacing
        assert spacing is not None
        count = int((high - low) / spacing + 1e-9) + 1
        return tuple(self.value(low + i * spacing) for i in range(count))


class Budget(Section):
    """Where a sweep stops; null: no limit."""

    trials: Positive | None = None
    """Trials in all; a sampler shares them among rungs and seeds."""
    flops: PositiveNumber | None = None
    """Floating-point operations in all."""
    minutes: PositiveNumber | None = None
    """Wall clock."""


def _default_space() -> dict[str, Space]:
    return {"lr": Space(log2=(-12.0, -3.0), step=1.0)}


class Search(Section):
    """How the optimum is found on every rung."""

    space: dict[str, Space] = Field(default_factory=_default_space)
    """Hyperparameter: its values."""
    sampler: Literal["grid", "sobol", "tpe", "gp", "adaptive", "independent"] = "grid"
    """How settings are chosen."""
    objective: Literal["val_loss", "train_loss"] = "val_loss"
    """train_loss is the mean of the last tenth of the steps."""
    seeds: Positive = 2
    """Runs per setting."""
    precision: PositiveNumber = 0.25
    """Octaves: adaptive stops where the 90 % interval of an optimum reaches no further."""
    extend: Natural = 4
    """How many steps a grid may grow at an edge."""
    prune: Literal["none", "halving", "median"] = "none"
    """Which trials end early, by Optuna's pruner: only those that are clearly worse than others of
    their rung that ran to the end, and on a line of learning rates none near the best."""
    budget: Budget = Field(default_factory=Budget)
    """Where the sweep stops."""
    timeout: PositiveNumber | None = None
    """Seconds a trial may take."""


class Loss(Section):
    """Where the loss of a user's program is read."""

    file: Text | None = None
    """JSON file that the program writes, such as {out}/loss.json; a relative one is in {out}."""
    key: Text | None = None
    """Key of the loss in that file; a.b is b in a."""
    regex: Text | None = None
    """Pattern with one group; its last match in a line of the program's output counts."""

    @model_validator(mode="after")
    def _one_place(self) -> Loss:
        if (self.regex is None) == (self.file is None) or (self.key is None) != (self.file is None):
            raise refuse("give {file: ..., key: ...} or {regex: ...}")
        if self.regex is not None:
            try:
                groups = re.compile(self.regex).groups
            except re.error as error:
                raise refuse(f"regex is not a pattern: {error}") from None
            if groups != 1:
                raise refuse(f"regex needs exactly one group, found {groups}")
        return self


class Train(Section):
    """The user's own training program instead of ours."""

    command: Text
    """Split into words and run without a shell, in the folder where the sweep was started.

    Filled in: {plan} (a file with the trial's plan), {out} (a folder of the trial), {width},
    {depth}, {batch}, {steps}, {seed}, {device} (of --device), {python} (the one that runs
    mutransfer), and every hyperparameter, such as {lr}."""
    loss: Loss
    """Where its loss is."""
    slots: Positive = 1
    """How many run at a time."""
