"""A small sample of the fuzzer, and the proof that it finds what a reader lets through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from tests.fuzz import seeds
from tests.fuzz.campaign import campaign, function_lines
from tests.fuzz.readers import Reader, json_values, readers

SAMPLE = 25  # files for each reader; `make fuzz` reads 5,000
SLOW = {"database", "optuna-table"}  # a tenth of a second for each file


@pytest.mark.parametrize("reader", readers(), ids=lambda r: r.name)
def test_mutated_files_are_refused_in_one_line(reader: Reader) -> None:
    outcome = campaign(reader, 8 if reader.name in SLOW else SAMPLE, seed=0, traced=0)
    assert {where: trace for where, (_, trace) in outcome.faults.items()} == {}
    assert outcome.counts["read"] + outcome.counts["refused"] > 0


def careless(path: Path) -> object:
    """A reader that believes what a file says."""
    values = json.loads(path.read_text())
    return values["accepted"][0]["tensor"].lower()


def test_a_careless_reader_is_found() -> None:
    reader = Reader("careless", (), "b.json", seeds.baselines, careless, json_values)
    outcome = campaign(reader, 200, seed=0, traced=0)
    kinds = {where.partition(" ")[0] for where in outcome.faults}
    assert {"KeyError", "AttributeError", "JSONDecodeError"} <= kinds
    assert outcome.counts["read"] > 0


def talkative(path: Path) -> object:
    """A reader whose message has no end."""
    error = InputError("")
    error.__class__ = type("Loud", (InputError,), {"__str__": lambda self: "a\nb"})
    raise error


def test_a_message_of_two_lines_is_found() -> None:
    reader = Reader("talkative", (), "b.json", lambda: [], talkative)
    with pytest.raises(IndexError):  # there is no valid file to mutate
        campaign(reader, 1, seed=0, traced=0)
    reader = Reader("talkative", (), "b.json", lambda: [b"{}"], talkative)
    with pytest.raises(AssertionError, match="a valid file is not read: not one line"):
        campaign(reader, 1, seed=0, traced=0)


def test_coverage_counts_lines_of_functions(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text(
        "import os\n\nX = 1\n\n\ndef f(a):\n    b = a\n    return b\n\n\nclass C:\n    y = 2\n"
    )
    assert function_lines(path) == {7, 8}
    path.write_text(path.read_text() + "\n\ndef write(a):\n    return a\n")
    assert function_lines(path) == {7, 8}  # what writes files is no part of a reader
