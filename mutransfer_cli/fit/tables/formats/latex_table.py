r"""Reads the table of a LaTeX document: cells between & and rows that end in \\."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.content.run_table import RunTable
from mutransfer_cli.fit.tables.formats.header_levels import header_joined
from mutransfer_cli.fit.tables.formats.text_rows import text_table

ENVIRONMENT = re.compile(
    r"\\begin\{((?:tabular|tabularx|tabulary|longtable|tabu|array|NiceTabular)\*?)\}(.*?)\\end\{\1\}",
    re.DOTALL,
)
ROW_END = re.compile(r"\\\\\*?(?:\[[^\]]*\])?|\\tabularnewline")
ROW = re.compile(r"[^%\n]*(?<!\\)&[^%\n]*\\\\")  # of a document that lacks the environment
COMMENT = re.compile(r"(?<!\\)%.*")
GROUP = r"\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"
WITH_WIDTH = {"tabular*", "tabularx", "tabulary"}  # environments with two arguments
RULE = re.compile(
    r"\\(?:(?:top|mid|bottom|cmid)rule|[hc]line|specialrule|addlinespace|end(?:first)?(?:head|foot)"
    r"|endlastfoot|rowcolor|noalign)(?:\[[^\]]*\]|\([^)]*\)|\{[^{}]*\})*"
)
LEADING = re.compile(rf"(?:\s|{RULE.pattern})*")
CAPTION = re.compile(r"\\(?:caption|label)\*?(?:\[[^\]]*\])?" + GROUP)
COLOR = re.compile(
    r"\\(?:cellcolor|color|vspace|hspace|cite\w*|footnote)\*?(?:\[[^\]]*\])?" + GROUP
)
SPANNED = re.compile(r"\s*\\multicolumn\{(\d+)\}" + GROUP + GROUP + r"\s*")
REPEATED = re.compile(r"\\multirow(?:\[[^\]]*\])?\{(\d+)\}(?:\[[^\]]*\])?" + GROUP + GROUP)
WORDS = {"eta": "η", "lambda": "λ", "times": "×", "cdot": "·", "pm": "±", "infty": "∞", "sim": "~"}
WORDS |= {"approx": "≈", "dagger": "†", "ddagger": "‡"}
WRAPPER = re.compile(r"\\[A-Za-z]+\*?\s*" + GROUP)


def is_latex(text: str) -> bool:
    r"""Whether a text holds a LaTeX table: its environment, or two rows of & and \\."""
    return ENVIRONMENT.search(text) is not None or len(ROW.findall(text)) > 1


def read_latex(source: str, text: str) -> RunTable:
    """Read a LaTeX table.

    Raises:
        InputError: There are several, or its rows differ in their numbers of cells.
    """
    found = list(ENVIRONMENT.finditer(text))
    if len(found) > 1:
        lines = " and ".join(str(text.count("\n", 0, one.start()) + 1) for one in found[:2])
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


def after_arguments(environment: re.Match[str]) -> tuple[int, str]:
    """Where the rows of an environment begin, and they themselves."""
    arguments = GROUP + (r"\s*" + GROUP if environment[1] in WITH_WIDTH else "")
    match = re.match(rf"\s*(?:\[[^\]]*\])?\s*{arguments}", environment[2])
    length = match.end() if match else 0
    return environment.start(2) + length, environment[2][length:]


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
        if re.search(r"(?<!\\)&", row):
            cells: list[str] = []
            for cell in re.split(r"(?<!\\)&", row):
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
    while (bare := WRAPPER.sub(r"\1", text)) != text:
        text = bare
    text = re.sub(r"\\[,;:! ]|~", " ", text)
    return " ".join(re.sub(r"[{}]", "", text).split())
