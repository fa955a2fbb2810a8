"""Sections `model` and `roles`: what is trained."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from mutransfer_cli.catalog.callable_name import CALLABLE, is_callable
from mutransfer_cli.catalog.fields import PositiveNumber, Section, Text, refuse
from mutransfer_cli.catalog.further_sizes import further_fields
from mutransfer_cli.catalog.models import MODELS
from mutransfer_cli.catalog.roles import Role
from mutransfer_cli.errors import suggestion

_HUGGING_FACE = re.compile(r"hf:\S(.*\S)?")  # a path may have spaces


def _known_build(text: str) -> str:
    if text in MODELS or is_callable(text) or _HUGGING_FACE.fullmatch(text):
        return text
    names = " | ".join(MODELS.names)
    raise refuse(
        f"expected {names} | hf:TYPE | hf:config.json | package.module:callable, found {text!r}"
        f"{suggestion(text, MODELS.names)}"
    )


def _list_builds(schema: dict[str, Any]) -> None:
    patterns = [f"^{pattern.pattern}$" for pattern in (_HUGGING_FACE, CALLABLE)]
    schema["anyOf"] = [{"enum": list(MODELS.names)}, *({"pattern": p} for p in patterns)]


@further_fields(dict[str, PositiveNumber], lambda axis: {}, lambda axis: axis.grows_model)
class Model(Section):
    """The model, and which of its arguments grow along an axis."""

    build: Annotated[str, AfterValidator(_known_build), Field(json_schema_extra=_list_builds)]
    """A built-in model, hf:TYPE, hf:path/config.json or package.module:callable."""
    args: dict[str, Any] = Field(default_factory=dict)
    """Arguments that do not grow; for built-in models every default is written in."""
    width: dict[str, PositiveNumber] = Field(default_factory=dict)
    """By argument, how many times the width it is. By default a built-in model's own argument, such
    as d_model: 1; of a callable width: 1; of an hf: model every size of its config that follows
    the hidden size, in its own ratio."""
    depth: dict[str, PositiveNumber] = Field(default_factory=dict)
    """By argument, how many times the depth it is. By default a built-in model's own argument, such
    as n_layer: 1; of an hf: model its number of layers."""


class RoleMatch(Section):
    """One line of `roles`: tensors whose name matches the pattern have this role."""

    match: Text
    """Shell-style pattern on parameter names."""
    role: Role
    """The role, instead of the one that follows from use."""
