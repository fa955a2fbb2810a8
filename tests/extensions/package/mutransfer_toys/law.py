"""A form of law: the mean loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.grouping import log_product
from mutransfer_cli.surface.laws.law_form import (
    Array,
    LawOptions,
    LawTable,
    Parameters,
    Picture,
    Score,
)


@dataclass(frozen=True)
class MeanLaw:
    parameters: Parameters
    points: int
    residual: float
    method: str = "mean"
    notes: tuple[str, ...] = ()
    unidentified: tuple[str, ...] = ()

    def predict(self, sizes: Mapping[str, float]) -> dict[str, Interval]:
        mean = self.parameters["mean"]
        assert isinstance(mean, Interval)
        return {"loss": mean}

    def score(self, held_out: LawTable) -> Score:
        mean = self.predict({})["loss"].value
        error = float(np.median(np.abs(held_out["loss"] / mean - 1)))
        return Score(points=len(held_out), inside=0, error=error)

    def pictures(self) -> tuple[Picture, ...]:
        return (Picture("params", "loss", (), ()),)


class Mean:
    def fit(self, table: LawTable, options: LawOptions) -> MeanLaw:
        loss = table["loss"]
        return MeanLaw({"mean": Interval(value=float(loss.mean()))}, len(table), float(loss.std()))

    def size_order(self, table: LawTable) -> Array:
        return log_product(table)


TOY_MEAN = Mean()
