"""Registries: names, nearest names, entry points of other packages, broken ones."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from mutransfer_cli.catalog import registry
from mutransfer_cli.catalog.registry import Entry, Registry
from mutransfer_cli.errors import InputError

ROWS = [
    Entry(name="first", summary="one", implementation="math:sqrt"),
    Entry(name="second", summary="two", implementation="no_such_package.module:thing"),
]
MODULE = """\
from mutransfer_cli.catalog.registry import Entry

ROW = Entry(name="third", summary="three", implementation="math:floor")
TWICE = Entry(name="first", summary="again", implementation="math:floor")
TEXT = "no row"
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package on the path; the test writes its entry points."""
    (tmp_path / "brought.py").write_text(MODULE)
    (tmp_path / "brought-1.dist-info").mkdir()
    (tmp_path / "brought-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: brought\nVersion: 1\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "brought", raising=False)
    registry._entry_points.cache_clear()
    yield tmp_path
    registry._entry_points.cache_clear()


def points(package: Path, *lines: str) -> None:
    text = "[mutransfer.things]\n" + "\n".join(lines) + "\n"
    (package / "brought-1.dist-info" / "entry_points.txt").write_text(text)


def things() -> Registry[Entry]:
    return Registry("things", Entry, ROWS)


def test_rows_in_their_order() -> None:
    assert things().names == ("first", "second")
    assert len(things()) == 2 and "first" in things() and "third" not in things()
    assert things()["first"].load()(9.0) == 3.0


def test_an_unknown_name_is_answered_by_the_nearest() -> None:
    with pytest.raises(InputError) as error:
        things().require("frist", ("search", "thing"))
    assert error.value.path == ("search", "thing")
    assert "first | second" in error.value.message
    assert "did you mean 'first'?" in error.value.message


def test_a_missing_package_is_named() -> None:
    with pytest.raises(InputError, match="second: needs the package no_such_package"):
        things()["second"].load()


def test_another_package_adds_a_row(package: Path) -> None:
    points(package, "third = brought:ROW")
    assert things().names == ("first", "second", "third")
    assert things()["third"].load()(2.5) == 2


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("third = brought:TEXT", "not a Entry"),
        ("third = brought:missing", "missing"),
        ("third = nowhere:ROW", "nowhere"),
        ("first = brought:TWICE", "first exists already"),
    ],
)
def test_a_broken_entry_point_is_ignored_and_named(
    package: Path, caplog: pytest.LogCaptureFixture, line: str, reason: str
) -> None:
    """It must not take the command line down; the error of an unknown name tells of it."""
    points(package, line)
    with caplog.at_level(logging.WARNING, logger="mutransfer_cli"):
        logging.getLogger("mutransfer_cli").propagate = True
        found = things()
        assert found.names == ("first", "second")
    assert reason in caplog.text
    with pytest.raises(InputError, match="of package brought"):
        found.require("third")
