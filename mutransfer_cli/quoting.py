"""Quotes text for the languages of files and screens, so that it arrives as data.

Names and notes come from recipes, tables, fits and other people's models: they may hold line
breaks, escape sequences or the syntax of the file that they are put into.
"""

from __future__ import annotations

import json
import shlex
import unicodedata
from typing import Any

# Categories of Unicode that end a line, move the cursor or reorder text: control characters,
# formats (such as bidirectional overrides), surrogates, and the separators of lines and paragraphs.
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def one_line(text: object, limit: int | None = None) -> str:
    r"""Text in one line for terminals, logs and comments: what does not print becomes `\n`, `\x1b`.

    A comment of Python, shell or YAML ends at its line break alone, so nothing else in it needs
    quoting.

    Args:
        text: Any value; its `str()` is taken.
        limit: Number of characters after which the text is cut.
    """
    words = str(text)
    if limit is not None and len(words) > limit:
        words = words[: limit - 1] + "…"
    if words.isprintable():
        return words
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in UNSEEN
        else character
        for character in words
    )


def python(value: object) -> str:
    """A literal of Python, which `ast.literal_eval` reads back.

    Infinite numbers and NaN are written as calls of `float`, which programs read.
    """
    if isinstance(value, float) and value - value != 0:
        return f'float("{value}")'
    if isinstance(value, str):
        return _ascii_separators(repr(value))
    return repr(value)


def shell(text: object) -> str:
    """One word of a shell; characters that do not print are written as `$'…'`."""
    words = str(text).replace("\x00", "")  # no word of a shell can hold it
    if words.isprintable():
        return shlex.quote(words)
    escaped = "".join(
        "".join(f"\\x{byte:02x}" for byte in c.encode("utf-8", "replace"))
        if unicodedata.category(c) in UNSEEN
        else {"'": "\\'", "\\": "\\\\"}.get(c, c)
        for c in words
    )
    return f"$'{escaped}'"


def json_text(values: Any, indent: int | None = 2) -> str:
    """JSON in ASCII, so that no separator of lines or surrogate stands in the file.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    return json.dumps(values, indent=indent, allow_nan=False)


def yaml_scalar(text: object) -> str:
    """A text as a double-quoted scalar of YAML, which JSON's strings are."""
    return json.dumps(str(text))


def xml(text: object) -> str:
    """Text for an XML writer, which escapes `<` and `&`; XML 1.0 has no control characters."""
    return "".join(
        c
        if c in "\t\n\r" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
        else c.encode("unicode_escape").decode("ascii")
        for c in str(text)
    )


def github(text: object, parameter: bool = False) -> str:
    """Text of a GitHub workflow command, or of one of its parameters.

    Source: actions/toolkit, packages/core/src/command.ts, escapeData and escapeProperty.
    """
    words = str(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    if parameter:
        words = words.replace(":", "%3A").replace(",", "%2C")
    return one_line(words)


def markdown_cell(text: object) -> str:
    """Text of a cell in a Markdown table, without markup of its own."""
    words = one_line(text).replace("\\", "\\\\")
    for sign in "|`*_[]<>&":
        words = words.replace(sign, {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(sign, "\\" + sign))
    return words


def rich(text: object) -> Any:
    """Text for a table of rich, which would read `[red]` in a plain one as markup."""
    from rich.text import Text  # not for `--help`

    return Text("\n".join(one_line(line) for line in str(text).split("\n")))


def _ascii_separators(literal: str) -> str:
    """A literal in which what does not print is escaped, as `repr` leaves some of it."""
    return one_line(literal)
