"""When a population is captured: where there are graphs, it repays, and losses are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.executors.group_training import interrupted_groups, train_jobs
from mutransfer_cli.search.grouping.engine import Engine
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.samplers.growing_grid import grid_settings
from mutransfer_cli.train.checkpoint.checkpointer import GroupCheckpointer
from mutransfer_cli.train.cuda_graph.graph import WARMUP_STEPS
from mutransfer_cli.train.engine import choose as engine
from mutransfer_cli.train.engine import graph_benchmark as capture
from mutransfer_cli.train.engine.choose import EngineChoice
from mutransfer_cli.train.engine.timing import Timing
from mutransfer_cli.train.population.captured_population import CapturedPopulation
from mutransfer_cli.train.trial import Trial
from tests.helpers.cuts import Cut
from tests.helpers.graph_tape import Tape, graphs_on_a_cpu
from tests.helpers.trials import small_recipe

SIZE = Size(32, 2, 8, 100)
ALONE = Timing(1, 1.0, 1)
PLAIN = {4: 0.5, 8: 0.4, 16: 0.45}  # seconds of a step and trial
SEARCH = "search: {seeds: 1, space: {lr: {log2: [-10, -7]}}}\n"


@pytest.fixture
def tapes(monkeypatch: pytest.MonkeyPatch) -> list[Tape]:
    return graphs_on_a_cpu(monkeypatch)


def sample() -> list[Trial]:
    factory = ProxyFactory(small_recipe("mlp"))
    return [Trial.of(factory, SIZE, seed) for seed in range(2)]


def chosen(
    monkeypatch: pytest.MonkeyPatch, graphs: dict[int, tuple[float, float]], **more: Any
) -> EngineChoice:
    """With these times: plain as above; graphs: a step and trial, and the capture."""

    def timed(members: Any, trials: int, *_: object) -> Timing:
        return Timing(trials, PLAIN[trials], trials)

    def captured(members: Any, plain: Timing, *_: object) -> tuple[Timing, float]:
        seconds, cost = graphs[plain.size]
        return Timing(plain.size, seconds, plain.bytes, "graph"), cost

    monkeypatch.setattr(engine, "time_population", timed)
    monkeypatch.setattr(engine, "time_single", lambda *_: ALONE)
    monkeypatch.setattr(capture, "time_graph", captured)
    return engine.choose_engine(sample(), 16, "cpu", 1, single=ALONE, **more)


def test_the_two_best_sizes_are_captured_and_the_fastest_taken(
    tapes: list[Tape], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand: 8 and 16 look best; as graphs 0.1 and 0.05 s; 16 saves 0.4 × 16 × 100 = 640 s."""
    choice = chosen(monkeypatch, {8: (0.1, 1.0), 16: (0.05, 1.0)})
    assert (choice.most, choice.step_mode) == (16, "graph")
    assert [(t.size, t.step_mode) for t in choice.timings if t.step_mode == "graph"] == [
        (8, "graph"),
        (16, "graph"),
    ]
    assert choice.why == (
        "50 ms a step and trial in a population of 16 as a CUDA graph, 1e+03 ms one by one: "
        "20 times as fast"
    )
    # 16 trials on one worker: one population of 16, 0.8 s a step, and not two of 8, 1.6 s
    assert choice.pieces(16, 1) == [16]
    assert choice.seconds(8) == 0.1 and choice.seconds(4) == 0.2  # of four: the step of eight


def test_a_capture_that_does_not_repay_is_left(
    tapes: list[Tape], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand: of 8, 0.1 × 8 × 100 = 80 s are saved; a capture of 8 s, ten times, takes as much."""
    choice = chosen(monkeypatch, {8: (0.3, 8.1), 16: (0.4, 8.1)})
    assert (choice.most, choice.step_mode) == (8, "plain")
    assert choice.why.endswith("no CUDA graph: a graph of 16 saves 80 s and takes 8.1 s to capture")
    assert choice.seconds(8) == 0.4  # and not the graph's
    worth = chosen(monkeypatch, {8: (0.3, 7.9), 16: (0.4, 8.1)})
    assert (worth.most, worth.step_mode) == (8, "graph")


def test_where_there_are_no_graphs_none_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = chosen(monkeypatch, {})
    assert (choice.most, choice.step_mode) == (8, "plain") and "graph" not in choice.why


def test_a_pinned_size_is_captured_too(tapes: list[Tape], monkeypatch: pytest.MonkeyPatch) -> None:
    choice = chosen(monkeypatch, {16: (0.05, 1.0)}, population_size=16)
    assert (choice.most, choice.step_mode, choice.timings) == (16, "graph", ())
    assert choice.why == "--engine population:16, as a CUDA graph"
    left = chosen(monkeypatch, {16: (0.45, 1.0)}, population_size=16)
    assert (left.most, left.step_mode) == (16, "plain")
    assert "no CUDA graph: a graph of 16 saves 0 s" in left.why


def test_measured_as_it_trains(tapes: list[Tape]) -> None:
    """Nothing in place of a clock: the graphs of the populations that were timed were replayed."""
    found = capture.benchmark_graphs(sample(), [Timing(4, 1e3, 4)], "cpu", 0.01)
    assert [(t.size, t.step_mode, t.bytes) for t in found.worthwhile] == [(4, "graph", 4)]
    assert found.why is None
    assert [t.replays > 0 for t in tapes] == [True, True]  # compared, then timed


def jobs_of(made: Any) -> tuple[Job, ...]:
    return tuple(Job(SIZE, i % 2, s) for i, s in enumerate(grid_settings(made.search.space)))


def test_the_way_reaches_what_trains(
    tapes: list[Tape], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = small_recipe("mlp", more=SEARCH)
    jobs, run = jobs_of(made), tmp_path / "run"
    run.mkdir()
    timings = (ALONE, Timing(4, 0.5, 4), Timing(4, 0.1, 4, "graph"))
    found = EngineChoice(timings, 4, "measured", True, "graph")
    monkeypatch.setattr("mutransfer_cli.search.grouping.engine.choose_engine", lambda *_: found)
    monkeypatch.setattr("mutransfer_cli.search.grouping.engine.WORTH_SECONDS", 0.0)
    (group,) = Engine(ProxyFactory(made), "cpu", 1, run=run).groups(jobs)
    assert [job.step_mode for job in group] == ["graph"] * 4 and set(group) == set(jobs)
    results = dict(train_jobs(ProxyFactory(made), group, "cpu"))
    assert [t.replays for t in tapes] == [SIZE.steps - WARMUP_STEPS]
    plain = dict(train_jobs(ProxyFactory(made), jobs, "cpu"))
    assert len(tapes) == 1  # the control
    order = [jobs.index(job) for job in group]
    for i, place in enumerate(order):
        assert results[i].loss == pytest.approx(plain[place].loss, rel=1e-5)
    monkeypatch.delattr(
        "mutransfer_cli.search.grouping.engine.choose_engine"
    )  # it is read, and not measured again
    again = Engine(ProxyFactory(made), "cpu", 1, run=run)
    assert again.choices == {SIZE: found}
    assert [job.step_mode for job in again.groups(jobs)[0]] == ["graph"] * 4


def test_an_interrupted_population_goes_on_in_its_way(
    tapes: list[Tape], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever its jobs say now."""

    def some(self: CapturedPopulation, at: int) -> Any:
        if at == 37:
            raise Cut
        return whole(self, at)

    made, whole = small_recipe("mlp", more=SEARCH), CapturedPopulation.step
    jobs = jobs_of(made)
    for job in jobs:
        object.__setattr__(job, "step_mode", "graph")
    truth = dict(train_jobs(ProxyFactory(made), jobs, "cpu"))
    with monkeypatch.context() as patch:
        patch.setattr(CapturedPopulation, "step", some)
        patch.setattr(GroupCheckpointer, "due", property(lambda self: True))
        with pytest.raises(Cut):
            dict(train_jobs(ProxyFactory(made), jobs, "cpu", tmp_path))
    tapes.clear()
    (group,), rest = interrupted_groups(ProxyFactory(made), jobs_of(made), "cpu", tmp_path)
    assert not rest and [job.step_mode for job in group] == ["plain"] * 4
    found = {group[i]: r for i, r in train_jobs(ProxyFactory(made), group, "cpu", tmp_path)}
    assert [t.replays for t in tapes] == [SIZE.steps - 37 - WARMUP_STEPS]
    for i, job in enumerate(jobs):
        assert (found[job].loss, found[job].curve) == (truth[i].loss, truth[i].curve)
