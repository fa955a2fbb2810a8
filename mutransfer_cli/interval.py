"""A value with its interval: the one form of every estimate, in the code and in JSON."""

from __future__ import annotations

from math import inf

from pydantic import BaseModel, ConfigDict


class Interval(BaseModel):
    """An estimate; the bounds are None where there is a reason for having none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def half_width(self) -> float:
        """Distance from the value to the farther bound; infinite where a bound is missing."""
        if self.low is None or self.high is None:
            return inf
        return max(self.high - self.value, self.value - self.low)

    def __str__(self) -> str:
        """The value and its bounds with four significant digits, for people."""
        if self.low is None or self.high is None:
            return f"{self.value:.4g}"
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"

    def exp2(self) -> Interval:
        """Two to the power of the value and of both bounds: a learning rate from its log2."""
        low, high = (None if bound is None else 2.0**bound for bound in (self.low, self.high))
        return Interval(value=2.0**self.value, low=low, high=high)
