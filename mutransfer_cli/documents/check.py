"""The document of `check`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mutransfer_cli.documents.base import Part

Verdict = Literal["pass", "fail", "inconclusive"]
Finding = Literal[
    "lr-too-large",
    "lr-too-small",
    "init-too-large",
    "init-too-small",
    "multiplier-missing",
    "attention-scale",
    "weight-decay",
    "epsilon",
    "residual-scale",
    "not-trained",
    "lazy",
    "unstable",
]


class Slope(Part):
    """d log2(size) / d log2(width), with its interval."""

    value: float
    low: float | None
    high: float | None
    expected: float | None = Field(description="null: not judged")


TensorVerdict = Literal["pass", "warn", "fail", "inconclusive"]


class TensorReport(Part):
    name: str
    role: str
    verdict: TensorVerdict
    finding: Finding | None
    message: str | None
    fix: str | None
    update_slope: Slope | None = Field(description="effect of the tensor's own update")
    init_slope: Slope | None = Field(description="the module's gain on isotropic input")
    decay_slope: Slope | None = Field(description="decay per step, where there is any")
    epsilon_slope: Slope | None = Field(
        default=None, description="epsilon over the gradient, where it can be told"
    )
    aspects: dict[str, TensorVerdict] = Field(
        default_factory=dict, description="the verdict on each aspect that was measured"
    )


class FaultReport(Part):
    """What is wrong with the whole model, or with one module, rather than with a tensor."""

    finding: Finding
    where: str = Field(description="the module; empty for the whole model")
    message: str
    fix: str | None = None

    def __str__(self) -> str:
        said = f"{self.finding}: {self.message}"
        return f"{said}; {self.fix}" if self.fix else said


class ModuleReport(Part):
    """The classical coordinate check: RMS of a module's output and of its change."""

    name: str
    init_slope: Slope | None
    change_slope: Slope | None
    init: dict[int, float] = Field(description="mean over seeds, by width")
    change: dict[int, float] = Field(description="after the last step, mean over seeds, by width")


class ControlReport(Part):
    what: str
    verdict: Verdict | None


class CheckDocument(Part):
    schema_: Literal["mutransfer/check/v1"] = Field(default="mutransfer/check/v1", alias="schema")
    verdict: Verdict
    reason: str
    regime: Literal["feature-learning", "lazy", "unstable"] | None
    axis: Literal["width", "depth"] = "width"
    expected: str = Field(description="the parameterization that it was held against")
    widths: tuple[int, ...] = Field(description="sizes along the axis")
    seeds: int
    seconds: float
    tensors: tuple[TensorReport, ...]
    modules: tuple[ModuleReport, ...]
    control: ControlReport
    limits: tuple[str, ...] = Field(description="what this check cannot see")
    notes: tuple[str, ...] = Field(default=(), description="worth knowing, and not judged")
    faults: tuple[FaultReport, ...] = Field(
        default=(), description="of the whole model or of a module, not of a tensor"
    )
