"""The document of `scale`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from mutransfer_cli.documents.base import Part
from mutransfer_cli.documents.plan import DifferenceDocument, PlanDocument
from mutransfer_cli.interval import Interval


class Deviation(Part):
    """Something that the target stack will not do as planned."""

    what: str = Field(description="the quantity with its tensors, or another part of the plan")
    wanted: str | float | None = Field(
        description="planned value, in the form that matches the stack's multipliers"
    )
    got: str | float | None = Field(description="value that the stack will use")
    consequence: str


class KeyMapping(Part):
    """A number of the plan, the key of the file that carries it, and the number that results."""

    tensor: str | None = Field(description="null: a number of the model, not of one tensor")
    quantity: str = Field(
        description="lr, weight_decay, eps, init_std or multiplier; of the model also "
        "attention_scale and clip"
    )
    planned: float | None
    key: str | None = Field(description="null: the stack decides")
    written: float | None = Field(description="number in the file, which the stack may scale")
    trained: float | None = Field(
        description="number with which the stack trains; lr, eps, weight_decay and init_std belong "
        "to the multiplier of the same tensor; null: the stack has no such tensor"
    )
    match: Literal["exact", "equivalent", "deviates", "missing"] = Field(
        description="equivalent: another number that trains the same, since the multiplier of the "
        "tensor differs as well; missing: the stack has no such tensor"
    )


class TriedVersionDocument(Part):
    """A version of a stack that a format was tried with."""

    version: str
    evidence: Literal["trained", "built", "read"] = Field(
        description="trained: by the stack's own code, with the emitted file; built: by its own "
        "classes; read: in its source, not run"
    )
    when: str
    note: str = Field(description="what was left out or replaced; may be empty")


class VersionsDocument(Part):
    """The versions of the stack that a format was tried with, and the one beside us."""

    package: str | None = Field(description="null: the stack is not a package")
    installed: str | None = Field(description="null: not installed, or not a package")
    tried: tuple[TriedVersionDocument, ...]
    others: str = Field(description="what is known to differ in other versions; may be empty")
    warning: str | None = Field(description="null: the installed version was tried")


class FormatDocument(Part):
    """A format that `scale` writes."""

    format: str
    summary: str
    files: tuple[str, ...]
    versions: VersionsDocument


class RefusedFormat(Part):
    """A stack for which no configuration is written."""

    format: str
    reason: str
    instead: tuple[str, ...]


class FormatsDocument(Part):
    """What `mutransfer scale --list-formats --json` prints."""

    schema_: Literal["mutransfer/scale/v1"] = Field(default="mutransfer/scale/v1", alias="schema")
    list_formats: Literal[True] = True
    formats: tuple[FormatDocument, ...]
    refused: tuple[RefusedFormat, ...]


class Prediction(Part):
    """The optimum at the target, as the run's rungs show it."""

    lr: Interval | None = Field(description="optimum of the learning rate at the target")
    optimum: dict[str, Interval] = Field(
        default_factory=dict, description="by hyperparameter, the optimum at the target"
    )
    loss: Interval | None = None
    distance: float = Field(description="octaves of width beyond the largest rung")
    note: str | None = None


class Provenance(Part):
    """Where the numbers of a configuration come from, for later readers."""

    run: str = Field(description="run directory, or the source of the fit's table")
    width: int | None = Field(description="width of the largest rung that has an optimum")
    confidence: float
    optima: dict[str, Interval] = Field(
        description="the choice with the interval of the optimum, quoted at the base"
    )
    choice: str | None = Field(None, description="why these values were chosen")
    trials: int | None = Field(None, description="number of trials, divergent ones included")
    flops: float | None = Field(None, description="FLOPs of all trials")
    seconds: float | None = Field(None, description="training time of all trials")
    versions: dict[str, str] = Field(default_factory=dict)
    device: str | None = None
    seed: int | None = None
    digest: str | None = Field(
        None, description="digest of the run's recipe and its trials' losses"
    )
    data_digest: str | None = None
    git_revision: str | None = Field(None, description="git revision of the user's code")


class ScaleDocument(PlanDocument):
    """The target's plan, the origin of its numbers, and where the stack deviates from it."""

    schema_: Literal["mutransfer/scale/v1"] = Field(default="mutransfer/scale/v1", alias="schema")
    format: str
    usage: tuple[str, ...] = Field(
        (), description="how to use a file of the format json; other formats say it at their head"
    )
    hyperparameters: dict[str, Any] = Field(description="hyperparameters, quoted at the base")
    prediction: Prediction | None
    provenance: Provenance | None = Field(None, description="null without a run")
    deviations: tuple[Deviation, ...] = ()
    differences: tuple[DifferenceDocument, ...] | None = Field(
        None, description="differences from the earlier plan, with --diff"
    )
    versions: VersionsDocument | None = Field(
        None, description="the stack's versions; null: a plan of an earlier version of mutransfer"
    )
    explanation: tuple[KeyMapping, ...] | None = Field(
        None, description="with --explain, the keys that carry each number"
    )
    notes: tuple[str, ...] = ()
