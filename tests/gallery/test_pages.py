"""The gallery's pages are those of its records, and every recipe is run or named as not run."""

from __future__ import annotations

import pytest

from mutransfer_cli.recipe.load import load
from tests.gallery.entries import ENTRIES, GALLERY, NOT_RUN, ROOT, Entry
from tests.gallery.page import pages, read, sentence
from tests.gallery.record import record_path

PAGES = pages()
MOST_BYTES = 2_000_000


def test_the_pages_are_those_of_the_records() -> None:
    kept = {path.name: path.read_text() for path in GALLERY.glob("*.md")}
    assert kept == PAGES


def test_a_page_has_the_numbers_of_its_record() -> None:
    (entry,) = (e for e in ENTRIES if e.name == "gpt-adamw")
    text = PAGES["gpt-adamw.md"]
    for side, run in read(entry).items():
        assert f"## {side.name}: {run.fit.verdict}" in text
        for name, chosen in run.fit.decided.items():
            assert f"| {name} | {chosen.value:.4g}" in text
        assert f"{run.trials} trials" in text
        assert record_path(entry, side).with_suffix(".png").exists()


def test_every_recipe_is_run_or_named() -> None:
    recipes = {
        str(path.relative_to(ROOT / "recipes").with_suffix(""))
        for path in (ROOT / "recipes").rglob("*.yaml")
    }
    run = {side.recipe for entry in ENTRIES for side in entry.sides}
    assert recipes - run == set(NOT_RUN)
    assert all(f"`recipes/{name}.yaml`" in PAGES["README.md"] for name in NOT_RUN)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_side_is_a_recipe(entry: Entry) -> None:
    for side in entry.sides:
        load(ROOT / "recipes" / f"{side.recipe}.yaml", list(side.sets))
        shown = record_path(entry, side).exists() or f"`{entry.name}`" in PAGES["README.md"]
        assert shown


def test_the_gallery_is_small() -> None:
    assert sum(path.stat().st_size for path in GALLERY.rglob("*") if path.is_file()) < MOST_BYTES


def test_a_page_says_what_was_run() -> None:
    """The rungs and the recipe of each side, and what the fit notes."""
    text = PAGES["mlp-sgd.md"]
    assert "`mlp` (standard normal inputs, classes of a fixed random network), sgd, mup;" in text
    assert "width 16, 32, 64, 128, 256, depth 2, batch 64, steps 200; lr from 2^-7 to 2^1;" in text
    for other in ENTRIES:
        for side, run in read(other).items():
            page = PAGES[f"{other.name}.md"]
            assert f"(../../recipes/{side.recipe}.yaml)" in page
            assert all(f"- {sentence(note)}" in page for note in run.fit.notes)
