"""Reads the tables of a Markdown document, and those that consoles draw with lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.content.run_table import RunTable
from mutransfer_cli.fit.tables.formats.header_levels import header_joined
from mutransfer_cli.fit.tables.formats.latex_table import plain as latex_plain
from mutransfer_cli.fit.tables.formats.text_rows import text_table

RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*")
BARS = str.maketrans("│┃║", "|||")
CORNERS = frozenset("+┼├┤┌┐└┘╞╡╪┏┓┗┛┡┩╇╭╮╰╯╔╗╚╝╠╣╬╟╢╫")
BORDER = CORNERS | frozenset("-=─━═┬┴┳┻╤╧╦╩|: ")
DECORATION = re.compile(r"^(\*\*|__|`|\*(?!\*))(.*?)\1$")
MATH = re.compile(r"\$[^$]+\$")
MARKS = "★☆⭐✓✔✅🏆←◀"  # beside the best value of a column


@dataclass
class Block:
    """One table of a document: its header and rows, with their lines."""

    line: int
    names: list[str]
    rows: list[tuple[int, list[str]]] = field(default_factory=list)


def is_markdown(lines: Sequence[str]) -> bool:
    """Whether lines hold a Markdown or drawn table: a header with bars above a rule."""
    return bool(blocks_of(lines))


def read_markdown(source: str, text: str) -> RunTable:
    """Read a Markdown table; tables with the same header are joined.

    Raises:
        InputError: The tables have different headers, or hold no rows.
    """
    blocks = blocks_of(text.splitlines())
    first = blocks[0]
    other = next((block for block in blocks if block.names != first.names), None)
    if other is not None:
        raise InputError(
            f"{source}: two tables with different columns (lines {first.line} and {other.line}); "
            f"keep the one with the runs in a file of its own"
        )
    names, records = header_joined(first.names, [row for b in blocks for row in b.rows])
    return text_table(source, first.line, names, records, "|")


def blocks_of(lines: Sequence[str]) -> list[Block]:
    """The tables among the lines of a document."""
    blocks: list[Block] = []
    block: Block | None = None
    before = ""
    for number, line in enumerate((line.translate(BARS) for line in lines), 1):
        drawn = is_border(line)
        if block is not None and drawn:
            continue
        if block is None and (drawn or RULE.fullmatch(line)) and "|" in before:
            names = cells_of(before)
            if drawn or len(names) == len(cells_of(line)):
                block = Block(number - 1, names)
                blocks.append(block)
        elif "|" not in line:
            block = None
        elif block is not None:
            block.rows.append((number, cells_of(line)))
        before = line
    return blocks


def is_border(line: str) -> bool:
    """Whether a line is drawn between the rows of a table, such as `+-----+----+`."""
    characters = set(line.strip())
    return bool(characters & CORNERS) and characters <= BORDER and len(characters) > 1


def cells_of(line: str) -> list[str]:
    """The cells of a line, without emphasis."""
    text = line.strip().removeprefix("|")
    text = text.removesuffix("|") if not text.endswith(r"\|") else text
    return [plain(cell.replace(r"\|", "|")) for cell in re.split(r"(?<!\\)\|", text)]


def plain(cell: str) -> str:
    """A cell without emphasis and marks, also where they are nested: **`3.1`**, **2.5 ★**."""
    text = latex_plain(cell) if MATH.search(cell) else cell.strip()
    while True:
        bare = DECORATION.sub(r"\2", text).strip()
        marked = bare.strip(MARKS + "\ufe0f ")
        bare = marked if re.search(r"\d", marked) else bare
        if bare == text:
            return text
        text = bare
