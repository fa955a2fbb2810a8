r"""Reads the table of a LaTeX document: cells between & and rows that end in \\."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.content.run_table import RunTable
from mutransfer_cli.fit.tables.formats.header_levels import header_joined
from mutransfer_cli.fit.tables.formats.text_rows import text_table

# bounded, so that what is never closed is not read to its end again and again
GROUP = r"\{((?:[^{}]|\{(?:[^{}]|\{[^{}]{0,999}\}){0,999}\}){0,999})\}"
OPTION = r"(?:\[[^\]]{0,999}\])?"
BEGIN = re.compile(
    r"\\begin\{((?:tabular|tabularx|tabulary|longtable|tabu|array|NiceTabular)\*?)\}"
)
ROW_END = re.compile(rf"\\\\\*?{OPTION}|\\tabularnewline")
CELL_END = re.compile(r"(?<!\\)&")
COMMENT = re.compile(r"(?<!\\)%.*")
DEEPEST = 5  # commands around a number that are taken off
WITH_WIDTH = {"tabular*", "tabularx", "tabulary"}  # environments with two arguments
RULE = re.compile(
    r"\\(?:(?:top|mid|bottom|cmid)rule|[hc]line|specialrule|addlinespace|end(?:first)?(?:head|foot)"
    r"|endlastfoot|rowcolor|noalign)(?:\[[^\]]{0,999}\]|\([^)]{0,999}\)|\{[^{}]{0,999}\})*"
)
LEADING = re.compile(rf"(?:\s|{RULE.pattern})*")
CAPTION = re.compile(r"\\(?:caption|label)\*?" + OPTION + GROUP)
COLOR = re.compile(r"\\(?:cellcolor|color|vspace|hspace|cite\w*|footnote)\*?" + OPTION + GROUP)
SPANNED = re.compile(r"\s*\\multicolumn\{(\d{1,3})\}" + GROUP + GROUP + r"\s*")
REPEATED = re.compile(rf"\\multirow{OPTION}\{{(\d{{1,6}})\}}{OPTION}{GROUP}{GROUP}")
WORDS = {"eta": "η", "lambda": "λ", "times": "×", "cdot": "·", "pm": "±", "infty": "∞", "sim": "~"}
WORDS |= {"approx": "≈", "dagger": "†", "ddagger": "‡"}
WRAPPER = re.compile(r"\\[A-Za-z]+\*?\s*" + GROUP)


class Environment(NamedTuple):
    """A table: the name of its environment, where what is inside begins, and that."""

    name: str
    start: int
    body: str


def is_latex(text: str) -> bool:
    r"""Whether a text holds a LaTeX table: its environment, or two rows of & and \\."""
    return any(True for _ in environments(text)) or sum(map(is_row, text.splitlines())) > 1


def environments(text: str) -> Iterator[Environment]:
    """The tables of a document."""
    position, without_end = 0, set()
    for begin in BEGIN.finditer(text):
        name = begin[1]
        if begin.start() < position or name in without_end:
            continue
        position = text.find(rf"\end{{{name}}}", begin.end())
        if position < 0:
            without_end.add(name)
        else:
            yield Environment(name, begin.end(), text[begin.end() : position])


def is_row(line: str) -> bool:
    r"""Whether an & and then a \\ stand on a line, of a document that lacks the environment."""
    row, end, _ = COMMENT.sub("", line).rpartition(r"\\")
    return bool(end) and CELL_END.search(row) is not None


def read_latex(source: str, text: str) -> RunTable:
    """Read a LaTeX table.

    Raises:
        InputError: There are several, or its rows differ in their numbers of cells.
    """
    found = list(environments(text))
    if len(found) > 1:
        lines = " and ".join(str(text.count("\n", 0, one.start) + 1) for one in found[:2])
        raise InputError(
            f"{source}: several tables (lines {lines}); keep the one with the runs in a file of "
            "its own"
        )
    start, body = after_arguments(found[0]) if found else (0, text)
    records = list(filled(rows_of(body, text.count("\n", 0, start) + 1)))
    if not records:
        raise InputError(f"{source}: holds no runs; expected one run per row")
    header, names = records[0]
    names, rows = header_joined(names, records[1:])
    return text_table(source, header, names, rows, "&")


def after_arguments(environment: Environment) -> tuple[int, str]:
    """Where the rows of an environment begin, and they themselves."""
    arguments = GROUP + (r"\s*" + GROUP if environment.name in WITH_WIDTH else "")
    match = re.match(rf"\s*{OPTION}\s*{arguments}", environment.body)
    length = match.end() if match else 0
    return environment.start + length, environment.body[length:]


def rows_of(body: str, line: int) -> Iterator[tuple[int, list[str]]]:
    """The line and the cells of each row, as they stand in the document.

    Args:
        body: What is between the beginning and the end of the environment.
        line: The line of its first character.
    """
    body = CAPTION.sub("", COMMENT.sub("", body))
    begin = 0
    for end in [*ROW_END.finditer(body), None]:
        row = body[begin : end.start() if end else len(body)]
        rules = LEADING.match(row)
        first = line + body.count("\n", 0, begin + (rules.end() if rules else 0))
        begin, row = (end.end() if end else begin), RULE.sub("", row)
        if CELL_END.search(row):
            cells: list[str] = []
            for cell in CELL_END.split(row):
                span = SPANNED.fullmatch(cell)
                cells += [span[3]] * int(span[1]) if span else [cell]
            yield first, cells


def filled(rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """The rows as plain text, with cells that span several rows in each of them."""
    spans: dict[int, tuple[int, str]] = {}
    for line, cells in rows:
        plain_cells = []
        for i, cell in enumerate(cells):
            repeated = REPEATED.search(cell)
            left, text = spans.get(i, (0, ""))
            if repeated:
                left, text = int(repeated[1]), plain(repeated[3])
            own = text if repeated else plain(cell)
            plain_cells.append(own or (text if left > 0 else ""))
            spans[i] = left - 1, text
        yield line, plain_cells


def plain(cell: str) -> str:
    r"""A cell without commands: `\textbf{3.1}` is 3.1, `$2^{-10}$` is 2^-10."""
    text = COLOR.sub("", cell).replace("{,}", ",").replace("$", "")
    text = re.sub(r"\^\{([^{}]*)\}", r"^\1", text)
    text = re.sub(r"\\([%_&#])", r"\1", text)
    text = re.sub(r"\\([A-Za-z]+)(?![A-Za-z{])", lambda m: WORDS.get(m[1], " "), text)
    for _ in range(DEEPEST):
        text = WRAPPER.sub(r"\1", text)
    text = re.sub(r"\\[,;:! ]|~", " ", text)
    return " ".join(re.sub(r"[{}]", "", text).split())
