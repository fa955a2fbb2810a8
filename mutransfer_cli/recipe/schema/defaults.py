"""Defaults that depend on another key, filled into the raw recipe before validation.

Nothing here raises: a value of the wrong type is left for validation to name.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mutransfer_cli.catalog.axes import AXES
from mutransfer_cli.catalog.models import MODELS, ModelEntry
from mutransfer_cli.catalog.optimizers import OPTIMIZERS, OptimizerEntry
from mutransfer_cli.catalog.sizes import BASE_DEFAULTS, FURTHER_AXES
from mutransfer_cli.catalog.sources import SOURCES, SourceEntry

FURTHER = frozenset(axis.name for axis in FURTHER_AXES)
_NULLABLE = ("clip", "target", "train")  # where null is a value of its own, not an absent section


def _absent(section: dict[str, Any], key: str) -> bool:
    return section.get(key) is None


def _source_of(data: Any) -> SourceEntry | None:
    return SOURCES.get(data.get("source")) if isinstance(data, dict) else None


def _fill_data(data: dict[str, Any]) -> None:
    source = _source_of(data)
    if source is None:
        return
    for key, size in (("d_in", source.d_in), ("d_out", source.d_out)):
        if size is not None and _absent(data, key):
            data[key] = size


def _arguments(
    row: ModelEntry, args: dict[str, Any], data: Any, grown: Collection[str]
) -> dict[str, Any]:
    """The arguments of a built-in model with its defaults and what the data give.

    Args:
        row: The model's row.
        args: The arguments in the recipe.
        data: The section `data`.
        grown: Arguments that follow an axis, and so have no default.
    """
    filled = {k: v for k, v in args.items() if v is not None}
    for name, field in row.arguments.model_fields.items():
        if name in grown:
            continue
        if not field.is_required() and field.default is not None:
            filled.setdefault(name, field.default)
    source = _source_of(data)
    if source is None:
        return filled
    given = {"vocab_size": source.vocab_size}
    if not source.sizes_in_file:
        given |= {"d_in": data.get("d_in"), "d_out": data.get("d_out")}
    for name in row.from_data:
        if name in row.arguments.model_fields and given.get(name) is not None:
            filled.setdefault(name, given[name])
    return filled


def _fill_length(base: Any, data: dict[str, Any]) -> None:
    """The length of sequences that the base names is that of the data."""
    if isinstance(base, dict) and not _absent(base, "seq_len") and _absent(data, "seq_len"):
        data["seq_len"] = base["seq_len"]


def _names_size(recipe: dict[str, Any], size: str) -> bool:
    """Whether base, ladder or target give a size."""
    sections = (recipe.get(name) for name in ("base", "ladder", "target"))
    return any(isinstance(s, dict) and not _absent(s, size) for s in sections)


def _fill_model(recipe: dict[str, Any], model: dict[str, Any], data: Any) -> None:
    build = model.get("build")
    if not isinstance(build, str):
        return
    row = MODELS.get(build)
    by_inputs = {axis.name for axis in AXES if axis.from_inputs}
    for axis in (axis.name for axis in AXES if axis.grows_model):
        if not _absent(model, axis):
            continue
        if axis in FURTHER and not _names_size(recipe, axis):
            model[axis] = {}
        elif axis in FURTHER and row is None:  # of an hf: model, the entry of its config
            model[axis] = {} if axis in by_inputs else {axis: 1.0}
        elif row is not None:
            model[axis] = {row.grows[axis].argument: 1.0} if axis in row.grows else {}
        else:  # a callable takes the width; what grows of an hf: model is seen in its config
            follows = axis == "width" and not build.startswith("hf:")
            model[axis] = {axis: 1.0} if follows else {}
    if _absent(model, "args"):
        model["args"] = {}
    if row is not None and isinstance(model["args"], dict):
        grows = (model.get(axis.name) for axis in AXES)
        grown = {name for sizes in grows if isinstance(sizes, dict) for name in sizes}
        model["args"] = _arguments(row, model["args"], data, grown)


def _fill_optimizer(row: OptimizerEntry, optimizer: dict[str, Any], recipe: dict[str, Any]) -> None:
    optimizer.setdefault("weight_decay", row.weight_decay)
    if row.eps is not None:
        optimizer.setdefault("eps", row.eps)
    schedule = recipe.get("schedule", {}) if row.schedule is not None else None
    if isinstance(schedule, dict):
        recipe["schedule"] = {"name": row.schedule, **schedule}


def fill(raw: Any) -> Any:
    """A copy of the raw recipe with every dependent default written in."""
    if not isinstance(raw, dict):
        return raw
    # An empty section (`search:` with its lines commented out) is one with its defaults.
    recipe = {
        key: dict(value) if isinstance(value, dict) else value
        for key, value in raw.items()
        if value is not None or key in _NULLABLE
    }
    data, model, base = recipe.get("data"), recipe.get("model"), recipe.get("base")
    if isinstance(data, dict):
        _fill_data(data)
        _fill_length(base, data)
    if isinstance(model, dict):
        _fill_model(recipe, model, data)
    if isinstance(base, dict) and _absent(base, "steps") and _absent(base, "tokens"):
        base["steps"] = BASE_DEFAULTS["steps"]
    recipe.setdefault("search", {})
    optimizer = recipe.setdefault("optimizer", {})
    if isinstance(optimizer, dict) and (chosen := OPTIMIZERS.get(optimizer.get("name"))):
        _fill_optimizer(chosen, optimizer, recipe)
    init = recipe.setdefault("init", {})
    if isinstance(init, dict) and _absent(init, "from"):
        row = MODELS.get(model.get("build")) if isinstance(model, dict) else None
        init["from"] = row.init if row is not None else "model"
    return recipe
