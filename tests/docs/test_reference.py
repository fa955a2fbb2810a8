"""The reference is generated from the code, and the site has every page."""

from __future__ import annotations

import re

from docs.reference_pages import reference_pages
from mutransfer_cli import __all__ as public_names
from mutransfer_cli.catalog.commands import COMMANDS
from mutransfer_cli.cli.schema import NAMES
from tests.helpers.source import ROOT

PAGES = reference_pages()


def test_the_reference_is_complete() -> None:
    for name in ("optimizer.lr", "search.space.NAME.log2", "ladder.product"):
        assert f"| `{name}` |" in PAGES["recipe.md"]
    assert re.findall(r"(?m)^## (.+)$", PAGES["commands.md"]) == [row.name for row in COMMANDS]
    assert set(re.findall(r"(?m)^## (.+)$", PAGES["documents.md"])) == {*NAMES} - {"recipe"}
    assert re.findall(r"(?m)^## (.+)$", PAGES["python.md"]) == list(public_names)


def test_every_key_of_a_recipe_has_a_meaning() -> None:
    assert re.findall(r"(?m)^\| `[^`]+` \|  \|", PAGES["recipe.md"]) == []


def test_the_site_has_every_page() -> None:
    index = (ROOT / "docs/index.md").read_text()
    listed = set(re.findall(r"(?m)^[\w/*-]+$", index))
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"README", "index"}
    assert pages - listed == set()
    assert {f"reference/{name.removesuffix('.md')}" for name in PAGES} - listed == set()
    assert {name for name in listed if not name.startswith(("reference/", "gallery/"))} == pages
