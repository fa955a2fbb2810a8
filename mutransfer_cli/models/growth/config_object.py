"""Callables that take their sizes in one object: what a function of the sizes would look like."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Mapping
from inspect import Parameter
from typing import Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.growth.callable_arguments import arguments_of
from mutransfer_cli.models.user_code import BUILD, Builder

OBJECT = re.compile(r"(?:\w+_)?(?:config|cfg|conf|args|hparams|hps|params|opts?|options|settings)")
CLASS = re.compile(r"\w*(?:Config|Configuration|Args|Arguments|Params|HParams|Options|Settings)")


def refuse_config_object(builder: Builder, path: str) -> None:
    """Refuse a callable whose sizes lie in an object, which a recipe cannot hold.

    Args:
        builder: The callable.
        path: The callable as package.module:callable.

    Raises:
        InputError: It requires one argument alone, and that is such an object.
    """
    try:
        parameters = inspect.signature(builder).parameters
    except (TypeError, ValueError):
        return
    required = [
        p
        for p in parameters.values()
        if p.default is Parameter.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if len(required) != 1:
        return
    kind = _class_of(required[0], builder)
    if not (OBJECT.fullmatch(required[0].name) or dataclasses.is_dataclass(kind)):
        return
    name = re.split(r"[:.]", path)[-1]
    function = (
        f"def build(width, depth): return {name}({kind.__name__}({_sizes(kind)}))"
        if kind
        else f"a function build(width, depth) that makes it and returns {name}({required[0].name})"
    )
    raise InputError(
        f"{path} takes one object, {required[0].name!r}, which a recipe cannot hold; in a file of "
        f"your own, say sized.py, write {function} and name it sized:build",
        BUILD,
    )


def _class_of(parameter: Parameter, builder: Builder) -> type[Any] | None:
    """The class of the object: by its annotation, else the only one of its module so named."""
    module = vars(sys.modules[builder.__module__])
    annotation = parameter.annotation
    if annotation is not Parameter.empty:
        found = module.get(annotation) if isinstance(annotation, str) else annotation
        return found if isinstance(found, type) else None
    named = [v for n, v in module.items() if isinstance(v, type) and CLASS.fullmatch(n)]
    return named[0] if len(named) == 1 and OBJECT.fullmatch(parameter.name) else None


def _sizes(kind: type[Any]) -> str:
    """The arguments of the class that are sizes, as Python."""
    arguments = arguments_of(kind)
    return ", ".join(
        [
            *_growing(arguments.width, "width"),
            *_growing(arguments.depth, "depth"),
            *(["depth=depth"] if "depth" in inspect.signature(kind).parameters else []),
            *(f"{name}={value}" for name, value in arguments.fixed.items()),
            *(f"{name}=..." for name in arguments.missing),
        ]
    )


def _growing(ratios: Mapping[str, float], size: str) -> list[str]:
    """Arguments that are multiples or fractions of a size."""
    parts = []
    for name, ratio in ratios.items():
        whole = round(1 / ratio) if ratio < 1 else round(ratio)
        exact = f"{size} // {whole}" if ratio < 1 else f"{whole} * {size}"
        usual = (
            exact if abs(ratio * whole - 1) < 1e-9 or ratio == whole else f"int({ratio:g} * {size})"
        )
        parts.append(f"{name}={size if ratio == 1 else usual}")
    return parts
