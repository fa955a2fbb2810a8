"""`--minutes` bounds every probe that trains, on a model whose time is counted and not measured.

Every forward pass of the model below takes as many seconds as its width, on a clock of its own;
everything else takes none. A probe therefore takes exactly what its forward passes take.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from mutransfer_cli.catalog.probes import PROBES
from mutransfer_cli.documents.probe import ProbeDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.probe_run import ProbeResult, advice_of, run_probe, without_largest
from mutransfer_cli.probes.subject.time_plan import costs_by_size
from mutransfer_cli.recipe.size import Size
from tests.helpers.commands import run

MODEL = """
from torch import nn

clock = {"now": 0.0, "second": 0.0}

class Slow(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.width = width
        self.first, self.middle = nn.Linear(8, width), nn.Linear(width, width)
        self.last = nn.Linear(width, 2)
    def forward(self, x):
        clock["now"] += clock["second"] * self.width
        return self.last(self.middle(self.first(x).tanh()).tanh())

def build(width):
    return Slow(width)
"""
RECIPE = """
name: slow
model: {build: "slow_net:build"}
optimizer: {name: sgd, lr: 0.05}
data: {source: teacher, d_in: 8, d_out: 2}
base: {width: 8, batch: 16, steps: 40}
ladder: {width: [8, 16, 32, 64]}
"""
TRAINING = ("sharpness", "features", "norms", "limit", "universality", "predict-lr")
MEASURING = ("noise", "kernel")  # most of their time is measuring, which is not shortened
MINUTES = 10.0  # on that clock


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "slow_net.py").write_text(MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "slow_net", raising=False)
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE)
    return path


def timed(
    probe: str,
    recipe: Path,
    second: float,
    monkeypatch: pytest.MonkeyPatch,
    minutes: float = MINUTES,
) -> ProbeDocument:
    """Run a probe whose forward passes take `second` times the width."""
    import slow_net  # type: ignore[import-not-found]  # written by the fixture

    slow_net.clock.update(now=0.0, second=second)
    monkeypatch.setattr(time, "perf_counter", lambda: slow_net.clock["now"])
    return run_probe(probe, str(recipe), minutes=minutes)


def answer(document: ProbeDocument, second: float) -> str:
    """Whether a probe measured all, less, or nothing and says what would do."""
    timing = 6 * second * (8 + 64)  # the first steps, whatever they take
    assert document.seconds <= 60 * MINUTES * 1.05 + timing, second
    refused = "nothing was measured" in document.reason
    assert refused == (not document.measures)
    if refused:
        assert document.verdict == "inconclusive" and "--minutes" in (document.advice or "")
    left_out = [note for note in document.notes if "no time" in note]
    return "refused" if refused else "less" if left_out else "all"


@pytest.mark.slow
@pytest.mark.parametrize("probe", TRAINING + MEASURING)
def test_no_probe_overruns(probe: str, recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within 5 % at any cost of a step; with less time, less is measured, then nothing."""
    costs = (1e-6, 0.01, 0.03, 0.1, 0.3, 1.0, 30.0)
    said = [answer(timed(probe, recipe, second, monkeypatch), second) for second in costs]
    assert said[0] == "all" and said[-1] == "refused" and said == sorted(said), said
    assert "less" in said or probe in MEASURING, said


@pytest.mark.parametrize(("probe", "second", "seeds"), [("features", 0.6, 6), ("norms", 0.2, 3)])
def test_less_is_measured_in_less_time(
    probe: str, second: float, seeds: int, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = timed(probe, recipe, second, monkeypatch)
    assert answer(document, second) == "less"
    assert any(f"of {seeds} seeds" in note for note in document.notes), document.notes
    assert answer(timed(probe, recipe, second / 1e4, monkeypatch), second) == "all"


@pytest.mark.parametrize("probe", ["features", "norms", "universality"])
def test_the_minutes_that_a_refusal_names_will_do(
    probe: str, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = timed(probe, recipe, 30.0, monkeypatch)
    assert answer(refused, 30.0) == "refused"
    least = float((refused.advice or "").split("--minutes ")[2].split()[0])
    assert timed(probe, recipe, 30.0, monkeypatch, least / 2).measures == ()
    assert timed(probe, recipe, 30.0, monkeypatch, least).measures


def test_an_inconclusive_refusal_is_no_error(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    timed("features", recipe, 30.0, monkeypatch)
    assert run("probe", "features", str(recipe), "--minutes", "0.1") == 3
    shown = capsys.readouterr()
    assert "nothing was measured" in shown.out and "expected" not in shown.out  # no empty table
    assert "advice: give it more time: --minutes" in shown.out


def test_imports_come_on_top(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a refusal at 0.5 minutes advises 0.4, which its own imports had taken."""
    now, left = [0.0], []
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def load(entry: object) -> object:
        now[0] += 20.0
        return lambda request: left.append(request.left) or ProbeResult("pass", "-", (), "-")

    monkeypatch.setattr(type(PROBES["noise"]), "load", load)
    run_probe("noise", str(recipe), minutes=0.5)
    assert left == [30.0]


def test_the_cost_of_a_size_between_is_a_power() -> None:
    """Of 1 second at width 16 and 64 at width 128, hence width²: 4 at 32 and 16 at 64."""
    now = [0.0]

    def train(size: Size, seed: int, hyperparameters: object) -> object:
        def step(i: int) -> float:
            now[0] += (size.width / 16) ** 2
            return 0.0

        return SimpleNamespace(step=step, steps=10)

    sizes = [Size(width, 1, 4, 10) for width in (16, 32, 64, 128)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "perf_counter", lambda: now[0])
        costs = costs_by_size(train, sizes, 0, 1e6)  # type: ignore[arg-type]  # a stand-in
    assert [costs[size].step for size in sizes] == pytest.approx([1, 4, 16, 64])


def test_all_probes_share_the_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 9 minutes, one for each that takes a recipe; what one leaves goes to those after it."""
    now, given = [0.0], []
    apply = [row.name for row in PROBES if not row.takes or "recipe" in row.takes]

    def instead(name: str, *args: object, minutes: float, **options: object) -> ProbeDocument:
        if name not in apply:
            raise InputError("it takes a run")
        given.append(minutes)
        now[0] += 30 if name == PROBES.names[0] else 60 * minutes
        return ProbeDocument(
            probe=name, question="?", subject="x", verdict="pass", reason="-", measures=(),
            method="-", confidence=0.9, seconds=1.0,
        )  # fmt: skip

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr("mutransfer_cli.probes.probe_run.run_probe", instead)
    assert run("probe", "all", "x", "--minutes", str(len(apply))) == 0
    rest = len(apply) - 1
    assert given == pytest.approx([1.0] + [(rest + 0.5) / rest] * rest)


def test_a_target_that_no_probe_can_measure_does_not_pass(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`linear` would pass: it brings its own model."""

    def refuses(name: str, *args: object, **options: object) -> ProbeDocument:
        raise InputError(f"{name}: the head size grows")

    monkeypatch.setattr("mutransfer_cli.probes.probe_run.run_probe", refuses)
    assert run("probe", "all", "x", "--json") == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert printed.err.endswith("error: probe all: sharpness: the head size grows\n")
    assert run("probe", "all") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_answer_that_time_left_open_asks_for_time_first() -> None:
    note = "no time for 5 of 6 seeds (--minutes 1.6)"
    open_one = ProbeResult("inconclusive", "r", (), "m", advice="run check", notes=("a", note))
    assert advice_of(open_one) == (
        "give it more time (--minutes 1.6); if that does not decide it: run check"
    )
    decided = replace(open_one, verdict="pass")
    assert advice_of(decided) == "run check"
    assert advice_of(replace(open_one, notes=("a",))) == "run check"
    assert advice_of(replace(open_one, advice="more (--minutes)")) == "more (--minutes 1.6)"
    assert advice_of(replace(open_one, advice="more (--minutes)", notes=())) == "more (--minutes)"


def test_nothing_passes_without_the_largest_width() -> None:
    """The answer of the smaller ones, and time for the largest; a fault of theirs stays one."""
    passed = ProbeResult("pass", "alike", (), "m", advice="tune at the smallest width")
    cut = without_largest(passed, 256)
    assert cut.verdict == "inconclusive" and cut.reason == "alike; width 256 was not measured"
    assert cut.advice is not None and "--minutes" in cut.advice
    failed = replace(passed, verdict="fail")
    assert without_largest(failed, 256) == failed
