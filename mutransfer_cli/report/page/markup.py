"""Elements of HTML, whose text is escaped where it is put in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias
from xml.etree.ElementTree import Element, tostring

from mutransfer_cli.quoting import xml

Child: TypeAlias = Element | str | None


def element(tag: str, *children: Child, **attributes: str) -> Element:
    """An element of HTML.

    Args:
        tag: Its name.
        children: Texts and elements inside; None is left out.
        attributes: Its attributes; `class_` and `aria_label` are `class` and `aria-label`.
    """
    made = Element(tag, {k.rstrip("_").replace("_", "-"): xml(v) for k, v in attributes.items()})
    for child in children:
        if child is None:
            continue
        if isinstance(child, Element):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + xml(child)
        else:
            made.text = (made.text or "") + xml(child)
    return made


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Child]]) -> Element:
    """A table in a block that scrolls where it is wider than the page.

    Args:
        caption: What it lists.
        head: Names of the columns; one without any text in its cells is left out.
        rows: The cells; the first of each row is its heading.
    """
    rows = list(rows)
    kept = [
        i for i in range(len(head)) if not rows or any(row[i] not in ("", None) for row in rows)
    ]
    head, rows = [head[i] for i in kept], [[row[i] for i in kept] for row in rows]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(element("td", cell) for cell in row[1:]),
        )
        for row in rows
    ]
    made = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *(element("th", name, scope="col") for name in head))),
        element("tbody", *body),
    )
    return element("div", made, class_="wide", tabindex="0", role="group", aria_label=caption)


def commands(text: str) -> Element:
    """Lines to copy, in a block that the keyboard can scroll."""
    return element("pre", text, tabindex="0")


def sentence(text: str, **attributes: str) -> Element:
    """A paragraph; what stands between backticks is code.

    Args:
        text: Its text.
        attributes: As for `element`.
    """
    parts = text.split("`")
    marked = (element("code", part) if i % 2 else part for i, part in enumerate(parts))
    return element("p", *marked, **attributes)


def details(summary: str, *children: Child) -> Element:
    """A block that opens on request."""
    return element("details", element("summary", summary), *children)


def data_script(name: str, value: Any) -> Element:
    """Data for a script, as JSON in which nothing ends the element or begins a comment."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    script = Element("script", {"id": name, "type": "application/json"})
    script.text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028")
    return script


def html(root: Element) -> str:
    """A document as text."""
    return "<!doctype html>\n" + tostring(root, encoding="unicode", method="html") + "\n"
