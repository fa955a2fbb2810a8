"""What a run remembers of the choice of its engine: engine.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.grouping import engine as chooser
from mutransfer_cli.search.grouping.engine import Engine
from mutransfer_cli.search.grouping.engine_file import FILE, read_choices
from mutransfer_cli.search.job import Job
from mutransfer_cli.train.engine.choose import EngineChoice
from mutransfer_cli.train.engine.timing import Timing

SIZE = Size(16, 2, 4, 30)
MADE = loads(
    "name: e\nmodel: {build: mlp}\ndata: {source: teacher, d_in: 8, d_out: 3}\n"
    "base: {width: 16, depth: 2, batch: 4, steps: 30}\noptimizer: {name: adam, lr: 0.01}\n"
).recipe
PROXIES = ProxyFactory(MADE)
JOBS = [Job(SIZE, seed, (("lr", 0.01),)) for seed in range(8)]
BEFORE: dict[str, Any] = {  # as the first version wrote it
    "width": 16,
    "depth": 2,
    "batch": 4,
    "steps": 30,
    "size": 4,
    "why": "faster",
    "measured": [{"size": s, "seconds": t, "bytes": s} for s, t in ((1, 1.0), (4, 0.2))],
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The devices on which something was measured."""
    found: list[str] = []

    def choose(sample: Any, count: int, device: str, *_: object) -> EngineChoice:
        found.append(device)
        return EngineChoice(
            (Timing(1, 1.0, 1), Timing(4, 0.2, 4)), 4, f"measured on {device}", True
        )

    monkeypatch.setattr(chooser, "choose_engine", choose)
    monkeypatch.setattr(chooser, "WORTH_SECONDS", 0.0)
    monkeypatch.setattr(chooser, "time_single", lambda *_: Timing(1, 1.0, 1))
    return found


def test_measured_again_on_another_device(tmp_path: Path, asked: list[str]) -> None:
    Engine(PROXIES, "cpu", 1, run=tmp_path).groups(JOBS)
    Engine(PROXIES, "cpu", 1, run=tmp_path).groups(JOBS)  # the control: what was measured holds
    assert asked == ["cpu"]
    Engine(PROXIES, "cuda:0", 1, run=tmp_path).groups(JOBS)
    assert asked == ["cpu", "cuda:0"]
    (rung,) = json.loads((tmp_path / FILE).read_text())
    assert (rung["device"], rung["why"]) == ("cuda:0", "measured on cuda:0")


def test_what_needed_no_measuring_is_kept_and_asked_again(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chooser, "WORTH_SECONDS", 1e9)
    Engine(PROXIES, "cpu", 1, run=tmp_path).groups(JOBS)
    why = "one by one takes less than 1e+09 s: nothing to gain by a population"
    later = Engine(PROXIES, "cpu", 1, run=tmp_path)
    assert later.document().why == why and later.document().size == 1  # a finished run tells it
    assert not later.choices[SIZE].settled and not asked
    monkeypatch.setattr(chooser, "WORTH_SECONDS", 0.0)
    assert [len(g) for g in later.groups(JOBS)] == [4, 4]  # more may be to gain now
    assert asked == ["cpu"] and later.document().why == "measured on cpu"


def test_one_by_one_for_once_forgets_nothing(tmp_path: Path, asked: list[str]) -> None:
    Engine(PROXIES, "cpu", 1, run=tmp_path).groups(JOBS)
    before = (tmp_path / FILE).read_text()
    assert len(Engine(PROXIES, "cpu", 1, "one-by-one", tmp_path).groups(JOBS)) == 8
    assert (tmp_path / FILE).read_text() == before


def test_a_file_of_an_earlier_version_holds(tmp_path: Path, asked: list[str]) -> None:
    (tmp_path / FILE).write_text(json.dumps([BEFORE]))
    made = Engine(PROXIES, "cpu", 1, run=tmp_path)
    assert made.choices[SIZE] == EngineChoice(
        (Timing(1, 1.0, 1), Timing(4, 0.2, 4)), 4, "faster", True, "plain"
    )
    assert [len(g) for g in made.groups(JOBS)] == [4, 4] and not asked


BROKEN = {
    "torn": ('[{"width": 16', "is not JSON: EOF while parsing an object at line 1 column 13"),
    "a number": ("3", "is not a valid engine.json"),
    "an object": ("{}", "is not a valid engine.json"),
    "missing": (
        json.dumps([BEFORE, {k: v for k, v in BEFORE.items() if k != "size"}]),
        "rung 2, size: field required",
    ),
    "a word": (
        json.dumps([BEFORE | {"measured": [{"size": "many", "seconds": 1.0, "bytes": 1}]}]),
        "rung 1, measured.0.size: input should be a valid integer",
    ),
    "a text": ('["x"]', "rung 1: "),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_says_what_is_wrong(kind: str, tmp_path: Path) -> None:
    content, told = BROKEN[kind]
    (tmp_path / FILE).write_text(content)
    with pytest.raises(InputError) as caught:
        Engine(PROXIES, "cpu", 1, run=tmp_path)
    message = str(caught.value)
    assert told in message and "delete it, and the engine is chosen again" in message
    assert "tuple" not in message and "RungEngine" not in message and "\n" not in message


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        read_choices(tmp_path / FILE, "cpu")
