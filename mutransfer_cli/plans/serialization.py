"""Plans as JSON documents: writes plans, and reads any document that holds one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mutransfer_cli.catalog.fields import show
from mutransfer_cli.documents.base import as_json
from mutransfer_cli.documents.plan import PlanDocument, SavedPlan, ShapesDocument
from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import read_json, write_text
from mutransfer_cli.plans.types import PlanData, TensorPlan

# For pydantic's messages on lists, which speak of Python's tuples.
WORDS = {"tuple_type": "Input should be a list", "too_short": "Input should have an entry"}


def plan_fields(plan: PlanData) -> dict[str, Any]:
    """The fields of a plan's `PlanDocument`."""
    return {
        "target": dict(plan.target),
        "base": dict(plan.base),
        "multipliers": plan.multipliers,
        "parameterization": plan.parameterization,
        "optimizer": plan.optimizer,
        "betas": plan.betas,
        "momentum": plan.momentum,
        "nesterov": plan.nesterov,
        "adjust_lr": plan.adjust_lr,
        "adjust_lr_factor": plan.adjust_lr_factor,
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


def write_plan(plan: PlanData, path: Path) -> None:
    """Write a plan as JSON."""
    document = SavedPlan.model_validate(plan_fields(plan))
    write_text(path, as_json(document) + "\n")


def read_document(path: Path) -> PlanDocument:
    """Read a document that holds a plan.

    Raises:
        InputError: The file is missing, or is not such a document.
    """
    values = read_json(path, finite=False)  # the fields say which number it is
    kinds: dict[str, type[PlanDocument]] = {
        "mutransfer/plan/v1": SavedPlan,
        "mutransfer/scale/v1": ScaleDocument,
        "mutransfer/shapes/v1": ShapesDocument,
    }
    schema = values.get("schema") if isinstance(values, dict) else None
    if not isinstance(schema, str) or schema not in kinds:
        raise InputError(f"{path}: schema is {schema!r}, expected one of {', '.join(kinds)}")
    try:
        document = kinds[schema].model_validate(values)
    except ValidationError as error:
        raise InputError(f"{path}: {_fault(error, values)}") from error
    try:
        as_json(document)
    except ValueError as error:  # text such as "1e999" is read as a number too
        raise InputError(f"{path}: {error}") from error
    return document


def _fault(error: ValidationError, values: Any) -> str:
    """What is wrong first in a document: the key, what is expected, and what was found."""
    first = error.errors()[0]
    location = list(first["loc"])
    if len(location) > 1 and location[0] == "tensors":  # tensors.17 is its name, if it has one
        tensor = values["tensors"][location[1]]
        name = tensor.get("name") if isinstance(tensor, dict) else None
        location = [*([name] if isinstance(name, str) and name else location[:2]), *location[2:]]
    key = ": ".join((".".join(map(str, location[:-1])), *map(str, location[-1:]))).strip(": ")
    if first["type"] == "recipe":  # a sentence of ours, with what was found
        return f"{key}: {first['msg']}" if key else str(first["msg"])
    expected = WORDS.get(first["type"], first["msg"])
    return f"{key}: {expected}; found {show(first['input'])}"
