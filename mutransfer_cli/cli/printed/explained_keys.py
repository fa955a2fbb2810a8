"""Shows which keys of a file carry the numbers of a plan, in lines of 80 characters."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mutransfer_cli.cli.terminal.output import number, show_line
from mutransfer_cli.documents.scale import KeyMapping
from mutransfer_cli.documents.tensor_groups import pattern_of

SAMPLED = 0.1  # relative difference of inits that were measured on a model's own tensors
WIDTH, QUANTITY, NUMBER = 80, 16, 11
KEY_COLUMN = 2 + QUANTITY + 2 * NUMBER
MARKS = {"exact": " ", "equivalent": "~", "deviates": "!", "missing": "!"}
LEGEND = (
    "~ another number that trains the same, since the tensor's multiplier differs too",
    "! not as planned: see the deviations",
)
Cells = tuple[str, str, str, str, str]  # mark, quantity, plan, trained, key = number


def show_explanation(rows: Sequence[KeyMapping], every: bool) -> None:
    """Print the numbers of the model, then those of each tensor.

    Args:
        rows: The mapping.
        every: Whether tensors that differ in the index of their layer alone have their own lines.
    """
    show_columns(" ", "", "plan", "trained", "key of the file = number written")
    marks = {MARKS[row.match] for row in rows}
    groups: dict[tuple[str, tuple[Cells, ...]], list[str]] = {}
    for name, lines in by_tensor(rows, every).items():
        pattern = name if every else pattern_of(name)
        shown = tuple((*line[:4], line[4].replace(name, pattern)) for line in lines)
        groups.setdefault((pattern, shown), []).append(name)
    for (pattern, shown), names in groups.items():
        show_line(heading(pattern, names))
        for cell in shown:
            show_columns(*cell)
    for line in LEGEND:
        if line[0] in marks:
            show_line(line)


def by_tensor(rows: Sequence[KeyMapping], every: bool) -> dict[str, list[Cells]]:
    """The lines of each tensor, by its name; those of the model under the empty name."""
    first: dict[str, KeyMapping] = {}  # by pattern, the first of several inits
    lines_of: dict[str, list[Cells]] = {}
    for row in rows:
        lines = lines_of.setdefault(row.tensor or "", [])
        if row.match != "missing":
            if row.quantity == "init_std" and not every:
                known = first.setdefault(pattern_of(row.tensor or ""), row)
                if known is not row and is_close(known, row):
                    row = known.model_copy(update={"key": row.key})
            lines.append(cells(row))
        elif not lines:
            lines.append((MARKS[row.match], "the stack has no such tensor", "", "", ""))
    return lines_of


def is_close(one: KeyMapping, other: KeyMapping) -> bool:
    """Whether two inits may be the same, as measured on samples."""
    pairs = ((one.planned, other.planned), (one.trained, other.trained))
    return one.match == other.match and all(
        a is not None and b is not None and abs(a - b) <= SAMPLED * max(a, b) for a, b in pairs
    )


def heading(pattern: str, names: Sequence[str]) -> str:
    """The line above the numbers of a tensor, or of several."""
    if not pattern:
        return "the model"
    return names[0] if len(names) == 1 else f"{pattern} ({len(names)} tensors)"


def cells(row: KeyMapping) -> Cells:
    """The columns of one number."""
    key = "decided by the stack" if row.key is None else row.key
    if row.written is not None:
        key += f" = {number(row.written)}"
    return (
        MARKS[row.match],
        row.quantity.replace("_", " "),
        number(row.planned),
        number(row.trained),
        key,
    )


def columns_line(mark: str, quantity: str, plan: str, trained: str, key: str) -> list[str]:
    """The line of a number, or several lines where the key is long.

    Args:
        mark: One character.
        quantity: The number's name.
        plan: The planned number.
        trained: The number with which the stack trains.
        key: The key, with the number that is written there.
    """
    start = f"{mark} {quantity:<{QUANTITY}}{plan:<{NUMBER}}{trained:<{NUMBER}}"
    lines = [""]
    for part in re.split(r"(?<=[.\]])(?=[\w'\[])(?=.* = )|(?= = )", key):
        if lines[-1] and len(lines[-1] + part) > WIDTH - KEY_COLUMN:
            lines.append(part.lstrip())
        else:
            lines[-1] += part
    return [
        f"{start if i == 0 else ' ' * KEY_COLUMN}{line}".rstrip() for i, line in enumerate(lines)
    ]


def show_columns(*line: str) -> None:
    """Print what `columns_line` returns."""
    for part in columns_line(*line):
        show_line(part)
