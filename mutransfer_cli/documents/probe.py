"""The documents of `mutransfer probe`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mutransfer_cli.documents.base import Part
from mutransfer_cli.interval import Interval, number

Verdict = Literal["pass", "fail", "inconclusive"]


class Measure(Part):
    """One measured number."""

    name: str
    at: dict[str, int | float | str] = Field(
        default={}, description="where it was measured: sizes, step, tensor, hyperparameter"
    )
    estimate: Interval
    expected: float | None = Field(default=None, description="what theory predicts; null: nothing")
    unit: str | None = None

    @property
    def place(self) -> str:
        """Where it was measured, for people; empty: at one place only."""
        shown = {k: number(v) if isinstance(v, float) else v for k, v in self.at.items()}
        return ", ".join(f"{name} {value}" for name, value in shown.items())

    @property
    def full_name(self) -> str:
        """Its name and place, unique among the measures of a probe."""
        return f"{self.name} ({self.place})" if self.at else self.name


class Series(Part):
    """One curve of a plot."""

    name: str
    panel: str = Field(description="curves of one panel share their axes")
    x_name: str
    y_name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] | None = Field(
        default=None, description="lower ends of the intervals of y; null: there are none"
    )
    high: tuple[float, ...] | None = None
    expected: tuple[float, ...] | None = Field(
        default=None, description="what theory predicts at each x"
    )
    expected_name: str = Field(default="expected", description="what `expected` is called")


class ProbeDocument(Part):
    """What one probe prints under `--json`."""

    schema_: Literal["mutransfer/probe/v1"] = Field(default="mutransfer/probe/v1", alias="schema")
    probe: str
    question: str
    subject: str
    verdict: Verdict
    reason: str = Field(description="the answer in one sentence, with its numbers")
    advice: str | None = Field(default=None, description="what to do; null: nothing")
    values: dict[str, Interval] = Field(
        default={},
        description="measures by name and place: `noise scale (step 0)`",
    )
    expected: dict[str, float] = Field(
        default={}, description="what theory predicts, of those measures of which it does"
    )
    plot: str | None = Field(default=None, description="the file of the plot; null: none")
    measures: tuple[Measure, ...]
    series: tuple[Series, ...] = ()
    method: str = Field(description="how it was measured, with the source of the threshold")
    confidence: float = Field(description="of every interval")
    seconds: float
    notes: tuple[str, ...] = ()


class ProbeLine(Part):
    """A probe in the list."""

    name: str
    question: str
    takes: tuple[str, ...] = Field(description="recipe, run, callable")


class ProbeListDocument(Part):
    """What `mutransfer probe --json` prints without a name, and `probe all`."""

    schema_: Literal["mutransfer/probes/v1"] = Field(default="mutransfer/probes/v1", alias="schema")
    probes: tuple[ProbeLine, ...] = ()
    results: tuple[ProbeDocument, ...] = ()
    skipped: dict[str, str] = Field(default={}, description="probes that did not run, and why")
