"""A commented recipe with the choices of its author in place of the template's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mutransfer_cli.catalog.sources import SOURCES
from mutransfer_cli.quoting import yaml_scalar


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the template holds.

    Attributes:
        source: The data source.
        optimizer: The optimizer.
        parameterization: The parameterization.
        widths: Widths of the proxies.
        target: Width of the target.
    """

    source: str
    optimizer: str
    parameterization: str
    widths: tuple[int, ...]
    target: int


@dataclass(frozen=True, slots=True)
class Choices(Defaults):
    """What the author of a recipe has chosen.

    Attributes:
        path: File of the data source, where it reads one.
        minutes: How long the sweep may take; None: until it is finished.
    """

    path: str | None = None
    minutes: float | None = None


def defaults_of(text: str) -> Defaults:
    """What a template holds.

    Args:
        text: The template, see `recipe.starter.template`.
    """

    def first(pattern: str) -> str:
        match = re.search(pattern, text, flags=re.M)
        assert match is not None, pattern
        return match[1]

    return Defaults(
        source=first(r"^data: \{source: ([\w.-]+)"),
        optimizer=first(r"^optimizer: \{name: ([\w.-]+)"),
        parameterization=first(r"^parameterization: (\S+)"),
        widths=tuple(int(w) for w in first(r"^ladder: \{width: \[([\d, ]+)\]").split(",")),
        target=int(first(r"^target: \{width: (\d+)")),
    )


def with_choices(text: str, choices: Choices) -> str:
    """The template with the choices, its comments kept where they still hold.

    Args:
        text: The template.
        choices: What takes the place of its values.
    """
    before = defaults_of(text)
    if (choices.source, choices.path) != (before.source, None):
        text = _replaced(text, r"^(?:#[^\n]*\n)*data: [^\n]*$", _data(choices))
    if choices.optimizer != before.optimizer:
        line = f"optimizer: {{name: {choices.optimizer}, lr: 0.0078125, weight_decay: 0.0}}"
        text = _replaced(text, r"^optimizer: .*$", line)
    text = _replaced(
        text, r"^parameterization: \S+", f"parameterization: {choices.parameterization}"
    )
    widths = sorted(set(choices.widths))
    text = _replaced(text, r"^ladder: \{width: \[[\d, ]+\]", f"ladder: {{width: {widths}")
    base = re.search(r"^base: \{width: (\d+)", text, flags=re.M)
    if base is not None and int(base[1]) not in widths:
        text = _replaced(text, r"^base: \{width: \d+", f"base: {{width: {widths[len(widths) // 2]}")
    text = _replaced(text, r"^target: \{width: \d+", f"target: {{width: {choices.target}")
    if choices.minutes is not None:
        text += f"  budget: {{minutes: {choices.minutes:g}}}         # the sweep stops there\n"
    return text


def _replaced(text: str, pattern: str, by: str) -> str:
    return re.sub(pattern, lambda match: by, text, count=1, flags=re.M)


def _data(choices: Choices) -> str:
    """The section `data`."""
    row = SOURCES[choices.source]
    if row.reads_file:
        path = yaml_scalar(choices.path or "FILE")
        return f"# {row.summary.capitalize()}.\ndata: {{source: {row.name}, path: {path}}}"
    return row.example or f"# {row.summary.capitalize()}.\ndata: {{source: {row.name}}}"
