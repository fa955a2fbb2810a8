"""What somebody meant who wrote a list or a value where a recipe has a mapping or a list."""

from __future__ import annotations

import re
from typing import Any

import yaml

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.catalog.sources import SOURCES
from mutransfer_cli.recipe.likely_number import (
    as_yaml,
    logarithmic,
    number_of,
    range_of,
    seconds_of,
)
from mutransfer_cli.recipe.schema_types import KeyPath

NAMED_BY: dict[KeyPath, str] = {
    ("model",): "build",
    ("optimizer",): "name",
    ("schedule",): "name",
    ("base",): "width",
    ("ladder",): "width",
    ("target",): "width",
}
"""By section, the key that a single value in its place is the value of."""
BY_NAME: dict[KeyPath, str] = {
    ("lr_factors",): "hidden",
    ("multipliers",): "logit",
}
"""By mapping from names to numbers, one of the names."""
INIT = ("fan_in", "model")
RANGE = "{log2: [-10, -3]}"
SPACE: KeyPath = ("search", "space")
LONGEST = 60  # characters of a value that is shown


def likely_mapping(path: KeyPath, value: object) -> str:
    """The end of a message, such as `; write {width: 64}`; empty where nothing is likely.

    Args:
        path: The key whose value should be a mapping.
        value: What stands there.
    """
    if value is None or isinstance(value, dict):
        return ""
    text = flow(value)
    if path == SPACE:
        return f"; write {{lr: {RANGE}}}"
    if path[:-1] == SPACE:
        return f"; write {_searched(value)}"
    if path == ("search", "budget"):
        return _budget(value)
    if path == ("init",):
        return _init(value)
    if path in BY_NAME and isinstance(value, int | float) and not isinstance(value, bool):
        return f"; write {{{BY_NAME[path]}: {text}}}"
    if path[0] == "model" and path[1:] in (("width",), ("depth",)) and isinstance(value, str):
        return f"; write {{{text}: 1}}"
    if path == ("optimizer",) and (call := re.fullmatch(r"([\w.:]+)\((.*)\)", text)):
        arguments = call[2].replace("=", ": ").strip()
        return f"; write {{name: {', '.join(filter(None, (call[1], arguments)))}}}"
    if path == ("data",) and isinstance(value, str):
        inside = f"source: {text}" if value in SOURCES else f"source: text, path: {text}"
        return f"; write {{{inside}}}"
    if path == ("ladder",) and not isinstance(value, list):
        return f"; write {{width: {as_list(value)}}}"
    if path in NAMED_BY and (path == ("ladder",) or not isinstance(value, list)):
        return f"; write {{{NAMED_BY[path]}: {text}}}"
    return ""


def _searched(value: object) -> str:
    """The values of a hyperparameter: a list of them, or the range that a text or a pair means."""
    if not isinstance(value, list):
        likely = range_of(value) if isinstance(value, str) else ""
        return likely or (
            f"a range such as {RANGE}; what is not searched stands in its own section"
        )
    numbers = [float(v) for v in value if isinstance(v, int | float)]
    between = logarithmic(*numbers) if len(value) == len(numbers) == 2 else ""
    return f"{{choice: {flow(value)}}}, or for a range {between or 'such as ' + RANGE}"


def _budget(value: object) -> str:
    """A limit of minutes or of trials."""
    text = value if isinstance(value, str) else ""
    seconds, number = seconds_of(text), number_of(text)
    if seconds is not None:
        return f"; write {{minutes: {as_yaml(seconds / 60)}}}"
    if number is not None or isinstance(value, int | float):
        shown = flow(value) if number is None else as_yaml(number)
        return f"; write {{trials: {shown}}}, {{minutes: {shown}}} or {{flops: {shown}}}"
    return ""


def _init(value: object) -> str:
    """Where an init comes from, or a standard deviation."""
    if value in INIT:
        return f"; write {{from: {value}}}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"; write {{std: {flow(value)}}}"
    if isinstance(value, str) and value in PARAMETERIZATIONS:
        return f"; write parameterization: {value}; a mapping is {{std: 0.02}} or {{from: model}}"
    return ""


def likely_list(value: object) -> str:
    """The end of a message, such as `; write [64]`; empty where nothing is likely."""
    return "" if value is None or isinstance(value, dict) else f"; write {as_list(value)}"


def as_list(value: object) -> str:
    """A value as a list of one, and text with commas as a list of its parts."""
    if not isinstance(value, str):
        return flow([value])
    parts = [part.strip() for part in value.split(",")]
    return flow([int(part) if part.isdecimal() else part for part in parts])


def flow(value: Any) -> str:
    """A value as YAML in one line, shortened where it is long."""
    try:
        text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=False)
    except yaml.YAMLError:  # an object of Python, in a call of the library
        return "VALUE"
    text = text.removesuffix("...\n").strip()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
