"""What somebody meant who wrote a list or a value where a recipe has a mapping or a list."""

from __future__ import annotations

from typing import Any

import yaml

from mutransfer_cli.catalog.sources import SOURCES
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
        if isinstance(value, list):
            return f"; write {{choice: {text}}}, or for a range such as {RANGE}"
        return f"; write a range such as {RANGE}; what is not searched stands in its own section"
    if path == ("search", "budget") and isinstance(value, int | float):
        return f"; write {{trials: {text}}} or {{minutes: {text}}}"
    if path == ("data",) and isinstance(value, str):
        inside = f"source: {text}" if value in SOURCES else f"source: text, path: {text}"
        return f"; write {{{inside}}}"
    if path == ("ladder",) and not isinstance(value, list):
        return f"; write {{width: {as_list(value)}}}"
    if path in NAMED_BY and (path == ("ladder",) or not isinstance(value, list)):
        return f"; write {{{NAMED_BY[path]}: {text}}}"
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
