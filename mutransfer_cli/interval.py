"""A value with its interval: the one form of every estimate, in the code and in JSON."""

from __future__ import annotations

from math import inf, isfinite

from pydantic import BaseModel, ConfigDict

LONGEST_WHOLE = 1e6  # larger numbers are shown as powers of ten


def number(value: float) -> str:
    """A number for people: four significant digits; whole digits below a million.

    So a width is 20480 and not 2.048e+04, and a model of 1300000000 parameters has 1.3e+09.
    """
    is_plain = isfinite(value) and 1e4 <= abs(value) < LONGEST_WHOLE
    return f"{value:.0f}" if is_plain else f"{value:.4g}"


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
        """The value and its bounds, for people; a bound that is missing is no bound."""
        low, high = ("" if b is None else number(b) for b in (self.low, self.high))
        if low and high:
            return f"{number(self.value)} ({low} to {high})"
        bound = f" (at least {low})" if low else f" (at most {high})" if high else ""
        return number(self.value) + bound

    def exp2(self) -> Interval:
        """Two to the power of the value and of both bounds: a learning rate from its log2."""
        low, high = (None if bound is None else 2.0**bound for bound in (self.low, self.high))
        return Interval(value=2.0**self.value, low=low, high=high)
