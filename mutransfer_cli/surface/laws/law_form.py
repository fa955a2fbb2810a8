"""What a form of law is given, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval

Array: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Indices: TypeAlias = npt.NDArray[np.intp]
Parameters: TypeAlias = Mapping[str, Interval | Mapping[str, Interval]]


@dataclass(frozen=True)
class LawTable:
    """Runs, one per row.

    Attributes:
        columns: Finite numbers by the name of their column, each of shape (rows,).
        sizes: The columns in which the law is a function.
        hyperparameters: The columns whose optimum the law predicts; empty for laws of the loss.
    """

    columns: Mapping[str, Array]
    sizes: tuple[str, ...]
    hyperparameters: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    def logs(self, name: str) -> Array:
        """Natural logarithms of a column.

        Raises:
            InputError: A value is not positive.
        """
        values = self.columns[name]
        if np.any(values <= 0):
            worst = float(values.min())
            raise InputError(f"column {name}: expected positive numbers, found {worst:g}")
        return np.log(values)

    def rows(self, kept: Mask) -> LawTable:
        """The rows where `kept` is true."""
        columns = {name: values[kept] for name, values in self.columns.items()}
        return LawTable(columns, self.sizes, self.hyperparameters)


@dataclass(frozen=True, slots=True)
class LawOptions:
    """How a law is fitted.

    Attributes:
        confidence: Level of all intervals, between 0 and 1.
        resamples: Number of bootstrap refits.
        seed: Seed of the bootstrap.
        floor: Irreducible loss E of laws of the loss where it is fixed; None to fit it.
    """

    confidence: float = CONFIDENCE
    resamples: int = 1000
    seed: int = 0
    floor: float | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """How a law did on runs that it was not fitted to.

    Attributes:
        points: Comparisons made.
        inside: Comparisons in which the truth lies inside the prediction interval.
        error: Median absolute error: relative for a loss, in octaves for any other quantity.
        regret: Relative extra loss of the predicted setting at each held-out size; None for laws
            that predict no setting.
        by_quantity: The same for each predicted quantity, where there are several.
    """

    points: int
    inside: int
    error: float
    regret: tuple[float, ...] | None = None
    by_quantity: Mapping[str, Score] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Series:
    """Points or a line of a figure, with an optional band around it."""

    label: str
    x: Array
    y: Array
    low: Array | None = None
    high: Array | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A panel of a figure; all axes are logarithmic.

    Attributes:
        x_label: What the abscissa is.
        y_label: What the ordinate is.
        points: Observed values.
        lines: The law.
    """

    x_label: str
    y_label: str
    points: tuple[Series, ...]
    lines: tuple[Series, ...]


class FittedLaw(Protocol):
    """A law with its parameters."""

    @property
    def parameters(self) -> Parameters:
        """The parameters by name, nested where each of several quantities has its own."""

    @property
    def points(self) -> int:
        """The number of observations that the law was fitted to."""

    @property
    def residual(self) -> float:
        """Root mean square residual: relative for a loss, in octaves for any other quantity."""

    @property
    def method(self) -> str:
        """How it was fitted, in one line."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Caveats."""

    @property
    def unidentified(self) -> tuple[str, ...]:
        """Why parameters are not identified by the runs; empty where all are."""

    def predict(self, sizes: Mapping[str, float]) -> dict[str, Interval]:
        """Each predicted quantity at a size, as a prediction interval for a new run."""

    def score(self, held_out: LawTable) -> Score:
        """Compare the predictions with runs that the law was not fitted to."""

    def pictures(self) -> tuple[Picture, ...]:
        """Panels of its figure."""


class LawForm(Protocol):
    """A form of law: how it is fitted to a table."""

    def fit(self, table: LawTable, options: LawOptions) -> FittedLaw:
        """Fit the law.

        Raises:
            InputError: The table cannot determine the law.
            Inconclusive: A parameter is not identified by the runs.
        """

    def size_order(self, table: LawTable) -> Array:
        """A number for each row that grows with its size and is equal for rows of one size."""
