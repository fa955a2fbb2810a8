"""Entries of `search.space`: the values of one hyperparameter."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from mutransfer_cli.catalog.fields import Bounds, Number, PositiveNumber, Section, refuse

Scale: TypeAlias = Literal["log2", "log10", "linear", "choice"]
OCTAVE = 0.30102999566398120  # log10 of 2
MOST_VALUES = 100_000  # of a grid
_CELLS = 10  # of a linear range without a step


class Space(Section):
    """The values of one hyperparameter: a range on a scale, or a choice."""

    log2: Bounds | None = None
    """Powers of two: [low, high] are exponents."""
    log10: Bounds | None = None
    """Powers of ten: [low, high] are exponents."""
    linear: Bounds | None = None
    """[low, high] of the value itself."""
    step: PositiveNumber | None = None
    """Grid distance on the scale; null: an octave, or a tenth of a linear range."""
    choice: Annotated[tuple[Number, ...], Field(min_length=1)] | None = None
    """The values themselves."""

    @model_validator(mode="after")
    def _one_scale(self) -> Space:
        given = [s for s in ("log2", "log10", "linear", "choice") if getattr(self, s) is not None]
        if len(given) != 1:
            keys = " and ".join(given) or "none"
            raise refuse(f"give exactly one of log2, log10, linear, choice; found {keys}")
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
        if self.step is not None and (high - low) / self.step > MOST_VALUES:
            raise refuse(
                f"step {self.step:g} makes more than {MOST_VALUES} values of [{low:g}, {high:g}]"
            )
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
