"""Plans as JSON: the documents of `shapes` and `scale`, and the file that `load_plan` reads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.plan import Plan, Site, TensorPlan


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class SizeDocument(Part):
    width: int
    depth: int
    batch: int = Field(description="examples per step")
    steps: int


class MultipliersDocument(Part):
    width: float
    depth: float
    batch: float
    duration: float = Field(description="ratio of tokens (examples)")


class TensorDocument(Part):
    name: str
    role: str
    shape: tuple[int, ...]
    base_shape: tuple[int, ...]
    growing: tuple[int, ...] = Field(description="dimensions that grow with width")
    fan_in: int = Field(description="entries summed over; 1 for a one-hot lookup or a vector")
    fan_out: int
    init: Literal["normal", "zero", "keep", "rescale"]
    init_std: float | None = Field(description="null: the model's own init is kept")
    multiplier: float = Field(description="forward multiplier, beside those in `forward`")
    lr: float
    weight_decay: float = Field(description="as torch's optimizers take it")
    eps: float | None = Field(description="null: the optimizer has none")
    source: str
    optimizer: str = Field("", description="which one trains it: muon leaves some to adamw")
    why: str = Field("", description="the derivation")


class SiteDocument(Part):
    how: Literal["attribute", "input", "output"]
    modules: tuple[str, ...] = ()
    attribute: str | None = None


class DifferenceDocument(Part):
    name: str = Field(description="a tensor, or `forward`")
    what: str
    here: float | None
    there: float | None
    ratio: float | None = Field(description="there over here")


class ChoiceDocument(Part):
    what: str
    taken: str
    kind: Literal["theory", "empirical", "assumption"]
    source: str
    others: str = Field(description="what other sources say")


class PlanDocument(Part):
    """The whole plan."""

    target: SizeDocument
    base: SizeDocument
    multipliers: MultipliersDocument
    parameterization: str
    optimizer: str
    betas: tuple[float, float]
    momentum: float
    nesterov: bool = False
    clip: float | None = Field(description="threshold of the global gradient norm")
    form: Literal["multiplier", "absorbed"]
    tensors: tuple[TensorDocument, ...]
    forward: dict[str, float | None]
    sites: dict[str, SiteDocument] = Field(description="where forward multipliers are put")


class SavedPlan(PlanDocument):
    schema_: Literal["mutransfer/plan/v1"] = Field(default="mutransfer/plan/v1", alias="schema")


class ShapesDocument(PlanDocument):
    schema_: Literal["mutransfer/shapes/v1"] = Field(default="mutransfer/shapes/v1", alias="schema")
    origins: dict[str, str] | None = Field(None, description="where each value came from")
    choices: tuple[ChoiceDocument, ...] = Field((), description="where sources disagree")
    differences: tuple[DifferenceDocument, ...] | None = Field(None, description="with --diff")
    notes: tuple[str, ...] = ()


class Deviation(Part):
    what: str
    wanted: str | float | None
    got: str | float | None
    consequence: str


class Interval(Part):
    value: float
    low: float | None = None
    high: float | None = None


class Prediction(Part):
    """What the run says of the target, by its own drift."""

    lr: Interval | None = Field(description="optimum extrapolated along the measured drift")
    loss: Interval | None = None
    distance: float = Field(description="octaves of width beyond the largest rung")
    note: str | None = None


class Provenance(Part):
    """Where the numbers of a configuration come from, for a reader in a year."""

    run: str = Field(description="run directory, or the source of the fit's table")
    width: int = Field(description="of the rung whose optimum is used")
    confidence: float
    optima: dict[str, Interval] = Field(description="fitted, at the base")
    trials: int | None = Field(None, description="that were run, divergent ones included")
    flops: float | None = Field(None, description="of all trials together")
    seconds: float | None = Field(None, description="of training, of all trials together")
    versions: dict[str, str] = Field(default_factory=dict)
    device: str | None = None
    seed: int | None = None
    digest: str | None = Field(None, description="of the run: its recipe and its trials' losses")
    data_digest: str | None = None
    git_revision: str | None = None


class ScaleDocument(PlanDocument):
    schema_: Literal["mutransfer/scale/v1"] = Field(default="mutransfer/scale/v1", alias="schema")
    format: str
    hyperparameters: dict[str, Any] = Field(description="at the base")
    prediction: Prediction | None
    provenance: Provenance | None = Field(None, description="null without a run")
    deviations: tuple[Deviation, ...] = ()
    differences: tuple[DifferenceDocument, ...] | None = Field(None, description="with --diff")
    notes: tuple[str, ...] = ()


def dumped(document: BaseModel) -> dict[str, Any]:
    """The document as plain JSON values, `schema` first."""
    values: dict[str, Any] = document.model_dump(mode="json", by_alias=True)
    return {"schema": values.pop("schema"), **values} if "schema" in values else values


def plan_fields(plan: Plan) -> dict[str, Any]:
    """The fields of a PlanDocument."""
    return {
        "target": dict(plan.target),
        "base": dict(plan.base),
        "multipliers": plan.multipliers,
        "parameterization": plan.parameterization,
        "optimizer": plan.optimizer,
        "betas": plan.betas,
        "momentum": plan.momentum,
        "nesterov": plan.nesterov,
        "clip": plan.clip,
        "form": plan.form,
        "tensors": [
            {field: getattr(t, field) for field in TensorPlan.__dataclass_fields__}
            for t in plan.tensors
        ],
        "forward": dict(plan.forward),
        "sites": {
            k: {"how": s.how, "modules": s.modules, "attribute": s.attribute}
            for k, s in plan.sites.items()
        },
    }


def plan_of(document: PlanDocument) -> Plan:
    """The plan that a document holds."""
    return Plan(
        tensors=tuple(TensorPlan(**t.model_dump()) for t in document.tensors),
        forward=dict(document.forward),
        sites={k: Site(s.how, s.modules, s.attribute) for k, s in document.sites.items()},
        form=document.form,
        parameterization=document.parameterization,
        optimizer=document.optimizer,
        betas=document.betas,
        momentum=document.momentum,
        nesterov=document.nesterov,
        clip=document.clip,
        base=document.base.model_dump(),
        target=document.target.model_dump(),
    )


def write_atomically(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error


def write_plan(plan: Plan, path: Path) -> None:
    document = SavedPlan.model_validate(plan_fields(plan))
    write_atomically(path, json.dumps(dumped(document), indent=2) + "\n")


def load_plan(path: str | Path) -> Plan:
    """Read a plan that `scale --format json` or `Plan.save` wrote.

    Rates, decays, epsilons and init stds in it are final, in the units of torch's optimizers; sizes
    are width, depth, examples per step and steps. See `Plan` for what it does.

    Raises InputError, in one line, where the file is missing or is no plan.
    """
    return plan_of(read_document(Path(path)))


def read_document(path: Path) -> PlanDocument:
    """A document that holds a whole plan.

    Raises InputError, in one line, where the file is missing or is none.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: not a JSON file: {error}") from error
    kinds: dict[str, type[PlanDocument]] = {
        "mutransfer/plan/v1": SavedPlan,
        "mutransfer/scale/v1": ScaleDocument,
        "mutransfer/shapes/v1": ShapesDocument,
    }
    schema = values.get("schema") if isinstance(values, dict) else None
    if schema not in kinds:
        raise InputError(f"{path}: schema is {schema!r}, expected one of {', '.join(kinds)}")
    try:
        return kinds[schema].model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {where}: {first['msg']}") from error
