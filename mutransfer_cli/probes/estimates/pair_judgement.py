"""Whether a hyperparameter is free of another one or an axis, by its optimum and by its cost."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from mutransfer_cli.fit.decision.wording import percent
from mutransfer_cli.interval import Interval

FREE = 0.25  # largest correlation, and octaves of drift per doubling, that count as none
LOOSE = 0.35  # up to which an interval about 0 counts as free where the cost is small: chosen, so
# that a true drift of 0.4 does not pass where seeds scatter (valleys of 1 % an octave squared)
MOST_SEEDS = 40  # that are worth naming


@dataclass(frozen=True)
class Pair:
    """A hyperparameter, and what may move its optimum.

    Attributes:
        first: The hyperparameter.
        second: Another one, or an axis.
        across: Whether it is an axis.
        value: Correlation of the curvature, or octaves of drift per doubling.
        cost: Extra loss, as a share, of tuning one without the other, or of the smallest rung's
            optimum at the largest; None: unknown.
        tolerance: The cost that counts as none.
    """

    first: str
    second: str
    across: bool
    value: Interval
    cost: Interval | None = None
    tolerance: float = 0.0

    @property
    def entangled(self) -> bool:
        """Whether the optimum certainly moves by more than what counts as none, or at a cost."""
        low, high = self._ends
        return low > FREE or high < -FREE or self.entangled_by_cost

    @property
    def entangled_by_cost(self) -> bool:
        """Whether it certainly moves along an axis, and certainly costs more than is tolerated."""
        low, high = self._ends
        dear = self.cost is not None and (self.cost.low or 0.0) > self.tolerance
        return self.across and dear and low * high > 0 and not self._near

    @property
    def free(self) -> bool:
        """Whether it certainly moves by less than that, or so little that it costs nothing."""
        return self._near or self.free_by_cost

    @property
    def free_by_cost(self) -> bool:
        """Whether the optimum may stay, is roughly known, and costs less than is tolerated."""
        low, high = self._ends
        if self.cost is None or self.cost.high is None or self._near:
            return False
        return -LOOSE < low <= 0 <= high < LOOSE and self.cost.high <= self.tolerance

    def seeds_needed(self, seeds: int) -> int | None:
        """About how many seeds decide it if the interval shrinks as 1/√seeds; None: too many.

        Args:
            seeds: The number that it was measured with.
        """
        (low, high), value = self._ends, self.value.value
        if abs(value) == FREE:
            return None
        if abs(value) < FREE:
            factor = max((high - value) / (FREE - value), (value - low) / (FREE + value))
        else:
            towards_none = value - low if value > 0 else high - value
            factor = towards_none / (abs(value) - FREE)
        needed = max(seeds + 1, ceil(seeds * factor**2))
        return needed if needed <= MOST_SEEDS else None

    def __str__(self) -> str:
        """The pair and its value, for people."""
        unit = " octaves per doubling" if self.across else ""
        text = f"{self.first} with {self.second} {self.value}{unit}"
        if self.free_by_cost and self.cost is not None and self.cost.high is not None:
            end = "at the largest rung" if self.across else "tuned alone"
            text += f", free to within {percent(Interval(value=self.cost.high))} of the loss {end}"
        if self.entangled_by_cost and self.cost is not None:
            text += f", which costs {percent(self.cost)} of the loss at the largest rung"
        return text

    @property
    def _near(self) -> bool:
        low, high = self.value.low, self.value.high
        return low is not None and high is not None and -FREE < low < high < FREE

    @property
    def _ends(self) -> tuple[float, float]:
        low, high, value = self.value.low, self.value.high, self.value.value
        return value if low is None else low, value if high is None else high
