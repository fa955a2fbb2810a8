"""A value with its interval: the one form of every estimate, in the code and in JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Interval(BaseModel):
    """An estimate; the bounds are None where there is a reason for having none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float
    low: float | None = None
    high: float | None = None
