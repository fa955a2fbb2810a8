"""The document of `check`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from mutransfer_cli.catalog.axes import AXES
from mutransfer_cli.catalog.findings import FINDINGS, known_finding
from mutransfer_cli.documents.base import Part

Verdict = Literal["pass", "fail", "inconclusive"]
AspectVerdict = Literal["pass", "warn", "fail", "inconclusive", "not judged"]
Quantity = Literal["lr", "init", "multiplier", "weight_decay", "eps", "attention_scale", "input"]
Regime = Literal["feature-learning", "lazy", "unstable"]
Finding = Annotated[
    str,
    AfterValidator(known_finding),
    WithJsonSchema({"enum": list(FINDINGS), "type": "string"}),
]


class Slope(Part):
    """d log2(size) / d log2(width), with its interval."""

    value: float
    low: float | None
    high: float | None
    expected: float | None = Field(description="slope that the theory predicts; null: not judged")


class Repair(Part):
    """A repair that a program can apply: multiply a quantity by a power of the width."""

    name: str = Field(description="tensor or module; empty: the model's output")
    quantity: Quantity = Field(
        description="lr; init: the tensor's entries; multiplier: the tensor's product with the "
        "module's input, before a bias; of a fault: the module's output; input: what the module "
        "is called with"
    )
    power: float = Field(description="multiply the quantity by m^power, m = width / base width")
    factors: dict[int, float] = Field(
        description="m^power by size, relative to the smallest", default_factory=dict
    )


class TensorReport(Part):
    """The verdict on one tensor, the slopes on which it is based, and the repair."""

    name: str
    role: str
    verdict: AspectVerdict
    finding: Finding | None
    message: str | None
    fix: str | None
    update_slope: Slope | None = Field(description="slope of the effect of the tensor's own update")
    init_slope: Slope | None = Field(description="slope of the module's gain on isotropic input")
    decay_slope: Slope | None = Field(description="slope of the decay per step; null: no decay")
    epsilon_slope: Slope | None = Field(
        default=None, description="slope of epsilon over the gradient; null: not measured"
    )
    aspects: dict[str, AspectVerdict] = Field(
        default_factory=dict, description="verdict on each aspect that was measured"
    )
    not_judged: dict[str, str] = Field(
        default_factory=dict, description="the reason for each aspect that was not judged"
    )
    repairs: tuple[Repair, ...] = Field(
        default=(), description="what makes the tensor pass at the next check"
    )


class FaultReport(Part):
    """A fault of the whole model or of a module rather than of a tensor."""

    finding: Finding
    where: str = Field(description="the module; empty for the whole model")
    message: str
    fix: str | None = None
    repairs: tuple[Repair, ...] = ()

    def __str__(self) -> str:
        """Finding, message and repair in one line."""
        text = f"{self.finding}: {self.message}"
        return f"{text}; {self.fix}" if self.fix else text


class ModuleReport(Part):
    """The classical coordinate check: RMS of a module's output and of its change."""

    name: str
    init_slope: Slope | None
    change_slope: Slope | None
    init: dict[int, float] = Field(description="RMS at init by size, mean over seeds")
    change: dict[int, float] = Field(
        description="RMS of the change after the last step by size, mean over seeds"
    )


class ControlReport(Part):
    """The negative control: a deliberate error and the verdict on it, which should be fail."""

    what: str
    verdict: Verdict | None


class CheckDocument(Part):
    """What `mutransfer check --json` prints."""

    schema_: Literal["mutransfer/check/v1"] = Field(default="mutransfer/check/v1", alias="schema")
    verdict: Verdict
    reason: str
    regime: Regime | None
    axis: str = Field(
        default="width",
        json_schema_extra={"enum": [row.name for row in AXES if row.checked]},
    )
    expected: str = Field(description="parameterization with which the model was compared")
    sizes: tuple[int, ...] = Field(alias="widths", description="sizes along the axis")
    seeds: int
    seconds: float
    tensors: tuple[TensorReport, ...]
    modules: tuple[ModuleReport, ...]
    not_judged: dict[str, dict[str, str]] = Field(
        default_factory=lambda values: {
            t.name: t.not_judged for t in values.get("tensors", ()) if t.not_judged
        },
        description="by tensor, the reason for each aspect that was not judged",
    )
    control: ControlReport
    limits: tuple[str, ...] = Field(description="what this check cannot detect")
    notes: tuple[str, ...] = Field(default=(), description="remarks that do not affect the verdict")
    faults: tuple[FaultReport, ...] = Field(
        default=(), description="faults of the whole model or of a module rather than of a tensor"
    )
