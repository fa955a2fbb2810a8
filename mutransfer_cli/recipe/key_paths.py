"""Key paths of a recipe: which exist, their short names, and reading and setting their values."""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import reduce
from typing import Any, get_origin

from pydantic import BaseModel

from mutransfer_cli.errors import InputError, suggestion
from mutransfer_cli.recipe.faults import unknown_key
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema_types import (
    KeyPath,
    field_of,
    is_section,
    section_keys,
    type_below,
)

SHORT_NAMES: Mapping[str, str] = types.MappingProxyType(
    {
        "lr": "optimizer.lr",
        "beta1": "optimizer.betas.0",
        "beta2": "optimizer.betas.1",
        "eps": "optimizer.eps",
        "weight_decay": "optimizer.weight_decay",
        "momentum": "optimizer.momentum",
        "init_std": "init.std",
        "embedding_std": "init.embedding_std",
        "readout_std": "init.readout_std",
        "embedding_multiplier": "multipliers.embedding",
        "logit_multiplier": "multipliers.logit",
        "attention_multiplier": "multipliers.attention",
        "residual_multiplier": "multipliers.residual",
        "clip": "clip",
        "z_loss": "z_loss",
        "warmup": "schedule.warmup",
        "final": "schedule.final",
        "decay": "schedule.decay",
        "depth_alpha": "rules.depth_alpha",
    }
)


def _type_at(path: KeyPath) -> Any:
    """The type of the recipe's value at a path.

    Raises:
        InputError: There is no such path.
    """
    kind: Any = Recipe
    for depth, part in enumerate(path):
        below = type_below(kind, part)
        if below is None:
            here = path[: depth + 1]
            if is_section(kind):
                raise InputError(unknown_key(part, section_keys(kind), Recipe), here)
            above = ".".join(path[:depth])
            if get_origin(kind) in (tuple, list):
                raise InputError(f"{above} is a list; expected an index such as {above}.0", here)
            raise InputError(f"{above} is a single value; it has no keys", here)
        kind = below
    return kind


def resolve(name: str) -> KeyPath:
    """The path that a short name or a dotted path stands for.

    Raises:
        InputError: There is no such key; the message suggests one.
    """
    path = tuple(SHORT_NAMES.get(name, name).split("."))
    if len(path) == 1 and field_of(Recipe, name) is None:
        known = [*SHORT_NAMES, *section_keys(Recipe)]
        raise InputError(
            f"unknown name{suggestion(name, known)} "
            f"(short names: {', '.join(SHORT_NAMES)}; others as a path, such as optimizer.lr)",
            path,
        )
    _type_at(path)
    return path


def key_path(name: str) -> str:
    """The dotted path of a scalar, from its short name (such as `lr`) or the path itself.

    Raises:
        InputError: There is no such key, or its value is a section or list.
    """
    path = resolve(name)
    kind = _type_at(path)
    if is_section(kind) or get_origin(kind) in (dict, tuple, list):
        message = "not a single value; expected a key such as optimizer.lr"
        raise InputError(message, name.split("."))
    return ".".join(path)


def value_at(recipe: Recipe, path: str) -> Any:
    """The recipe's value at a dotted path; None if it has none."""

    def below(values: Any, key: str) -> Any:
        if isinstance(values, list | tuple):
            return values[int(key)]
        return values.get(key) if isinstance(values, Mapping) else getattr(values, key, None)

    return reduce(below, path.split("."), recipe)


def searched_values(recipe: Recipe) -> dict[str, Any]:
    """The recipe's own value of each searched hyperparameter, by its name in `search.space`."""
    return {name: value_at(recipe, key_path(name)) for name in recipe.search.space}


def _plain(default: Any) -> Any:
    """A field's default value as raw data that can be edited."""
    if isinstance(default, dict):
        return {k: v.model_dump() if isinstance(v, BaseModel) else v for k, v in default.items()}
    if isinstance(default, tuple | list):
        return list(default)
    return {}


def set_value(data: dict[str, Any], path: KeyPath, value: Any) -> None:
    """Set one value in raw data, creating the sections above it where they are missing.

    Args:
        data: A recipe as plain data; it is changed.
        path: Path of the key.
        value: Its new value.

    Raises:
        InputError: Something above it is not a mapping, or a list is too short.
    """
    node: Any = data
    kind: Any = Recipe
    for depth, part in enumerate(path):
        last = depth == len(path) - 1
        here = ".".join(path[:depth]) or "the recipe"
        if isinstance(node, list):
            if not part.isdecimal() or int(part) >= len(node):
                raise InputError(f"{here} has {len(node)} entries; no entry {part}")
            key: Any = int(part)
        elif isinstance(node, dict):
            key = part
            if not last and node.get(part) is None:
                info = field_of(kind, part) if is_section(kind) else None
                optional = info is not None and not info.is_required()
                node[part] = _plain(
                    info.get_default(call_default_factory=True) if info and optional else None
                )
        else:
            raise InputError(f"{here} is a single value; it has no keys")
        if last:
            node[key] = value
        else:
            node = node[key]
            kind = type_below(kind, part)
