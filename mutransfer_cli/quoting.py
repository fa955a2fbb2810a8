"""Quotes text for the languages of files and screens, so that it arrives as data.

Names and notes come from recipes, tables, fits and other people's models: they may hold line
breaks, escape sequences or the syntax of the file that they are put into.
"""

from __future__ import annotations

import json
import shlex
import unicodedata
from math import isfinite
from pprint import PrettyPrinter
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


def terminal(text: object) -> str:
    r"""Text in one line that neither a terminal nor GitHub takes for a command.

    In a log of GitHub Actions, a line that begins with `::`, or has `##[` in it, is a command.
    """
    line = one_line(text).replace("##[", r"#\x23[")
    words = line.lstrip()
    return line if not words.startswith("::") else line.replace("::", r"\x3a:", 1)


def python(value: object, width: int = 80) -> str:
    """A literal of Python, over several lines where it is long.

    Infinite numbers and NaN, which have no literal, are written as calls of `float`.

    Args:
        value: Plain data: text, numbers, None, and containers of them.
        width: Length of a line, if possible.
    """
    return _Literals(sort_dicts=False, width=width).pformat(value)


class _Literals(PrettyPrinter):
    def format(
        self, object: object, context: dict[int, int], maxlevels: int, level: int
    ) -> tuple[str, bool, bool]:
        """One value; `repr` escapes in text whatever does not print."""
        if isinstance(object, float) and not isfinite(object):
            return f'float("{object}")', True, False
        return super().format(object, context, maxlevels, level)


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


def markdown(text: object) -> str:
    """Text of a line or a table's cell in Markdown, without markup of its own."""
    words = "".join(f"\\{c}" if c in "\\|`*_[]" else c for c in one_line(text))
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown_code(text: object) -> str:
    """A name as code in a table's cell of Markdown."""
    return f"`{one_line(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def rich(text: object) -> Any:
    """Text for a table of rich, which would read `[red]` in a plain one as markup."""
    from rich.text import Text  # not for `--help`

    return Text("\n".join(terminal(line) for line in str(text).split("\n")))


def plain_label(text: object) -> str:
    """Text of a figure's title, label or legend, where matplotlib reads `$…$` as a formula."""
    words = one_line(text).replace("$", r"\$")
    return words.replace("_", " _", 1) if words.startswith("_") else words  # `_`: not in a legend
