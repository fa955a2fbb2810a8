"""Callables that take their sizes in an object or a list: what a function of them looks like."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Mapping, Sequence
from inspect import Parameter
from typing import Any

from torch import nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.growth.argument_names import SURE, WIDTHS, is_width
from mutransfer_cli.models.growth.callable_arguments import arguments_of
from mutransfer_cli.models.user_code import BUILD, Builder

OBJECT = re.compile(r"(?:\w+_)?(?:config|cfg|conf|args|hparams|hps|params|opts?|options|settings)")
CLASS = re.compile(r"\w*(?:Config|Configuration|Args|Arguments|Params|HParams|Options|Settings)")

LIST = re.compile(r"(?i)(?:\b|_)(?:list|sequence|tuple|iterable|array\w*)\b")  # in annotations
_ALIKE = (", depth", "[width] * depth")  # widths of which no default says the proportion


def refuse_config_object(builder: Builder, path: str) -> None:
    """Refuse a callable whose sizes lie in an object or a list, which a recipe cannot scale.

    Args:
        builder: The callable.
        path: The callable as package.module:callable.

    Raises:
        InputError: It requires such an object, or its widths are a list.
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
    name = re.split(r"[:.]", path)[-1]
    for parameter in required:
        kind = _class_of(parameter, builder)
        alone = len(required) == 1 and OBJECT.fullmatch(parameter.name)
        said = parameter.annotation is not Parameter.empty
        if alone or (said and _holds_sizes(kind)):
            made = f"{parameter.name}={kind.__name__}({_sizes(kind)})" if kind else ""
            others = [*_given(required, parameter.name, builder), made]
            function = (
                f"def build(width, depth): return {name}({', '.join(others)})"
                if kind
                else f"a function build(width, depth) that makes it and returns {name}"
                f"({parameter.name})"
            )
            _refuse(
                f"{path} takes an object, {parameter.name!r}, which a recipe cannot hold", function
            )
    lists = [p for n, p in parameters.items() if WIDTHS.fullmatch(n) and _is_list(p)]
    if lists and not any(SURE.fullmatch(n) for n in parameters):
        grown = lists[0]
        length, widths = ("", _in_proportion(grown.default)) if grown not in required else _ALIKE
        arguments = [*_given(required, grown.name, builder), f"{grown.name}={widths}"]
        _refuse(
            f"{path} takes its widths as a list, {grown.name!r}",
            f"def build(width{length}): return {name}({', '.join(arguments)})",
        )


def _refuse(reason: str, function: str) -> None:
    """Say what to write."""
    raise InputError(
        f"{reason}; in a file of your own, say sized.py, write {function} and name it sized:build",
        BUILD,
    )


def _holds_sizes(kind: type[Any] | None) -> bool:
    """Whether objects of this class are modules or settings."""
    return kind is not None and (dataclasses.is_dataclass(kind) or issubclass(kind, nn.Module))


def _given(required: Sequence[Parameter], but: str, builder: Builder) -> list[str]:
    """The other arguments that are required, as Python, with what the default data say."""
    fixed = arguments_of(builder).fixed
    return [f"{p.name}={fixed.get(p.name, '...')}" for p in required if p.name != but]


def _is_list(parameter: Parameter) -> bool:
    """Whether an argument is a list of numbers of features: by its default, else its annotation."""
    default = parameter.default
    if default is Parameter.empty:
        return LIST.search(str(parameter.annotation)) is not None
    return isinstance(default, list | tuple) and bool(default) and all(map(is_width, default))


def _in_proportion(widths: Sequence[int]) -> str:
    """Widths in the proportion of the first, as Python."""
    ratios = [_growing({"": width / widths[0]}, "width")[0].lstrip("=") for width in widths]
    return f"({', '.join(ratios)})"


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
