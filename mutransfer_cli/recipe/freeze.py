"""Recipes with every default written out, and the difference between two recipes."""

from __future__ import annotations

from typing import Any

import yaml

from mutransfer_cli.catalog.fields import show
from mutransfer_cli.recipe.growth import grown
from mutransfer_cli.recipe.load import leaves
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema_types import KeyPath
from mutransfer_cli.recipe.yaml_source import implicit_resolvers

_MISSING = object()


class _Dumper(yaml.SafeDumper):
    # Quotes exactly the text that yaml_source would not read as text.
    yaml_implicit_resolvers = implicit_resolvers()

    def ignore_aliases(self, data: Any) -> bool:
        return True


def plain_data(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain data with the keys of the file."""
    return recipe.model_dump(mode="json", by_alias=True)


def frozen_yaml(recipe: Recipe) -> str:
    """The recipe as YAML with every default written out; it loads to an equal recipe."""
    return yaml.dump(
        plain_data(recipe),
        Dumper=_Dumper,
        default_flow_style=None,  # one line for lists and small mappings
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )


def first_difference(a: Recipe, b: Recipe) -> str | None:
    """The first key whose value differs, such as `optimizer.lr: 0.005 and 0.01`; None if none."""
    if a == b:
        return None
    left, right = plain_data(a), plain_data(b)
    paths = dict.fromkeys([path for data in (left, right) for path, _ in leaves(data)])
    for path in paths:
        value, other = _at(left, path), _at(right, path)
        if value != other:
            return f"{'.'.join(path)}: {_shown(value)} and {_shown(other)}"
    return None


def read_as(a: Recipe, b: Recipe) -> Recipe:
    """Recipe `a` with what no trial depends on taken from `b`.

    That is how much else is trained (`growth.grown`), where the loss of a user's program is read
    from, and how many programs run at a time. Whether the number is maximized decides what was
    recorded, so that is kept.
    """
    a = grown(a, b)
    if a.train is None or b.train is None:
        return a
    loss = b.train.loss
    if loss is not None and a.train.loss is not None:
        kept = {"maximize": a.train.loss.maximize, "best": a.train.loss.best}
        loss = loss.model_copy(update=kept)
    train = a.train.model_copy(update={"loss": loss, "slots": b.train.slots})
    return a.model_copy(update={"train": train})


def _at(data: Any, path: KeyPath) -> Any:
    """The value at a path, or _MISSING."""
    for part in path:
        if isinstance(data, list):
            data = data[int(part)] if int(part) < len(data) else _MISSING
        else:
            data = data.get(part, _MISSING) if isinstance(data, dict) else _MISSING
    return data


def _shown(value: Any) -> str:
    return "nothing" if value is _MISSING else show(value)
