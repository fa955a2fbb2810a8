"""Text in HTML stays text."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from mutransfer_cli.quoting import xml
from mutransfer_cli.report.page.markup import data_script, element, html, table
from tests.helpers.hostile_text import TEXTS

ATTACKS = [
    *TEXTS,
    "<script>alert(1)</script>",
    "</script><b>",
    '" onload="alert(1)',
    "<!--",
    "&lt;",
]


class Reader(HTMLParser):
    """Tags, attributes and texts of a page, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("text", ATTACKS)
def test_text_and_attributes_arrive_as_they_are(text: str) -> None:
    page = Reader(html(element("html", element("p", text, title=text, aria_label=text))))
    assert page.tags == ["html", "p"]
    assert page.attributes == [("title", xml(text)), ("aria-label", xml(text))]
    shown = "".join(page.texts).replace("\r\n", "\n").strip()
    assert shown == xml(text).replace("\r\n", "\n").strip()


@pytest.mark.parametrize("text", ATTACKS)
def test_data_for_scripts_arrives_as_it_is(text: str) -> None:
    page = html(element("html", data_script("figures", {text: text})))
    assert Reader(page).tags == ["html", "script"]
    inside = page.split(">", 3)[3].split("</script>")[0]
    assert "<" not in inside and json.loads(inside) == {text: text}


def test_without_escaping_it_would_be_markup() -> None:
    """The control of the two tests above."""
    assert Reader("<p><script>alert(1)</script></p>").tags == ["p", "script"]


def test_a_column_without_any_text_is_left_out() -> None:
    rows = [("a", "", "1"), ("b", None, "")]
    text = html(table("Sizes", ("rung", "note", "loss"), rows))
    assert "note" not in text and "loss" in text
    assert "note" in html(table("Sizes", ("rung", "note"), [("a", ""), ("b", "odd")]))


def test_rows_have_headings() -> None:
    page = Reader(html(table("Sizes", ("rung", "loss"), [("width 8", "2.5")])))
    assert page.tags == [
        "div",
        "table",
        "caption",
        "thead",
        "tr",
        "th",
        "th",
        "tbody",
        "tr",
        "th",
        "td",
    ]
    assert ("scope", "row") in page.attributes and page.texts[0] == "\n"
