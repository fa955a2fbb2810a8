"""The pages of the manual, and the blocks of code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.source import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
GENERATED = ROOT / "docs" / "reference"
DOCUMENTS = [str(p.relative_to(ROOT)) for p in PAGES if GENERATED not in p.parents]
FENCE = re.compile(
    r"(?:<!-- transcript:? ?(?P<marks>[^>]*?) ?-->\n)?```(?P<language>[\w-]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        page: Its page, relative to the root of the repository.
        line: Line of the page on which its fence stands.
        language: Named after its fence; empty where none is.
        text: What is in it.
        marks: Words of a comment `<!-- transcript: WORDS -->` before it; None without one.
    """

    page: str
    line: int
    language: str
    text: str
    marks: tuple[str, ...] | None


def blocks_of(page: str, text: str) -> Iterator[Block]:
    """The blocks of a page."""
    for match in FENCE.finditer(text):
        marks = match["marks"]
        yield Block(
            page,
            text[: match.start()].count("\n") + 1,
            match["language"],
            match["text"],
            None if marks is None else tuple(marks.split()),
        )


def all_blocks() -> list[Block]:
    """The blocks of all pages."""
    return [b for page in DOCUMENTS for b in blocks_of(page, (Path(ROOT) / page).read_text())]
