"""The time left, by hand: a clock that is set, trials of 10 s and 40 s on two workers."""

from __future__ import annotations

import pytest

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.eta import EtaEstimator
from mutransfer_cli.search.grouping.engine import Engine
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.train.engine.choose import EngineChoice, Timing
from tests.helpers.sweeps import RECIPE

SMALL, WIDE = Size(8, 1, 4, 100), Size(16, 1, 4, 100)
WIDEST = Size(32, 1, 4, 100)
COSTS = {SMALL: 1.0, WIDE: 4.0, WIDEST: 16.0}


def jobs(size: Size, count: int) -> list[Job]:
    return [Job(size, seed, (("lr", 0.1),)) for seed in range(count)]


def ended(job: Job, seconds: float, outcome: str = "finished") -> Record:
    s = job.size
    return Record(job.params, s.width, s.depth, s.batch, s.steps, job.seed, outcome, 1.0, seconds)


class Sweep:
    """An estimator at a time of ours."""

    def __init__(self, workers: int = 2, engine: Engine | None = None, before: int = 0) -> None:
        self.now = 1000.0  # calibration and the start of the workers are behind it
        self.records = [ended(job, 10.0) for job in jobs(SMALL, before)]
        measured = engine.expected_seconds if engine is not None else lambda size: None
        self.eta = EtaEstimator(workers, COSTS, measured, self.records, lambda: self.now)

    def end(self, job: Job, seconds: float, outcome: str = "finished") -> None:
        self.records = [*self.records, ended(job, seconds, outcome)]
        self.eta.end(job.key, self.records[-1])

    def left(self, of: list[Job]) -> float | None:
        return self.eta.seconds_left([j for j in of if j.key not in self.keys()], self.records)

    def keys(self) -> set[object]:
        return {r.key for r in self.records}


def measured(size: int, **seconds: float) -> Engine:
    """Of a step of one trial in a population, by the size of the rung."""
    engine = Engine(ProxyFactory(loads(RECIPE.replace("STEPS", "100"), "r.yaml").recipe), "cpu", 2)
    for rung, name in ((SMALL, "small"), (WIDE, "wide")):
        timings = (Timing(1, 9.0, 1), Timing(size, seconds[name], 1))
        engine.choices[rung] = EngineChoice(timings, size, "", True)
    return engine


def test_before_anything_has_ended_the_calibration_tells() -> None:
    """Four trials of 100 steps of 0.1 s a trial: 40 s of work in each of two populations."""
    sweep = Sweep(engine=measured(4, small=0.1, wide=0.4))
    all_of_them = jobs(SMALL, 8)
    assert sweep.left(all_of_them) == pytest.approx(8 * 10 / 2)
    for half in (all_of_them[:4], all_of_them[4:]):
        sweep.eta.start(half)
    assert sweep.left(all_of_them) == pytest.approx(40)
    sweep.now += 30
    assert sweep.left(all_of_them) == pytest.approx(10)  # they are partly done
    sweep.now += 20
    assert sweep.left(all_of_them) is None  # they should have ended: no honest number


def test_without_a_calibration_nothing_is_said_before_a_trial_has_ended() -> None:
    sweep = Sweep(workers=1)
    all_of_them = jobs(SMALL, 6)
    sweep.eta.start(all_of_them[:1])
    sweep.now += 12
    assert sweep.left(all_of_them) is None
    sweep.end(all_of_them[0], 12.0)
    sweep.eta.start(all_of_them[1:2])
    assert sweep.left(all_of_them) == pytest.approx(5 * 12)


def test_what_ended_corrects_what_was_measured() -> None:
    """As one trial more, by the median: small ones took 10, 22 and 24 s, wide ones in ratio."""
    sweep = Sweep(engine=measured(4, small=0.1, wide=0.4))
    of = [*jobs(SMALL, 5), *jobs(WIDE, 2)]
    sweep.end(of[0], 22.0)
    assert sweep.left(of) == pytest.approx((4 * 16 + 2 * 1.6 * 40) / 2)
    sweep.end(of[1], 24.0)
    assert sweep.left(of) == pytest.approx((3 * 22 + 2 * 2.2 * 40) / 2)
    sweep.end(of[2], 1.0, "diverged")  # ended early: says nothing of the others
    assert sweep.left(of) == pytest.approx((2 * 22 + 2 * 2.2 * 40) / 2)


def test_the_last_trial_has_one_worker() -> None:
    sweep = Sweep(engine=measured(4, small=0.1, wide=0.4))
    of = jobs(WIDE, 1)
    sweep.eta.start(of)
    assert sweep.left(of) == pytest.approx(40)
    sweep.now += 15
    assert sweep.left(of) == pytest.approx(25)


def test_a_population_s_members_may_end_before() -> None:
    """At half time of 4 × 10 s two diverge: the others have two halves of 10 s to go."""
    sweep = Sweep(workers=1, engine=measured(4, small=0.1, wide=0.4))
    of = jobs(SMALL, 4)
    sweep.eta.start(of)
    sweep.now += 20
    for job in of[:2]:
        sweep.end(job, 5.0, "diverged")
    assert sweep.left(of) == pytest.approx(10)


def test_of_a_size_not_seen_by_flops_and_of_earlier_calls() -> None:
    """Four times the FLOPs: 4^(3/4) times as long; with two sizes known, by what they show."""
    sweep = Sweep(before=2)
    of = [*jobs(SMALL, 4), *jobs(WIDE, 2)]
    assert sweep.left(of) == pytest.approx((2 * 10 + 2 * 10 * 8**0.5) / 2)
    sweep.end(of[-1], 20.0)  # twice as long: the root
    assert sweep.left(of) == pytest.approx((2 * 10 + 20) / 2)
    wider = [*of, *jobs(WIDEST, 2)]
    assert sweep.left(wider) == pytest.approx((2 * 10 + 20 + 2 * 40) / 2)


def test_other_sweeps_on_the_study_shorten_it() -> None:
    """Two end here and four elsewhere: three times as fast as this one alone."""
    alone, shared = Sweep(), Sweep()
    of = jobs(SMALL, 12)
    for sweep in (alone, shared):
        for job in of[:2]:
            sweep.end(job, 10.0)
    shared.records = [*shared.records, *(ended(job, 10.0) for job in of[2:6])]
    assert alone.left(of) == pytest.approx(10 * 10 / 2)
    assert shared.left(of) == pytest.approx(6 * 10 / 2 / 3)


def test_what_waits_goes_as_slowly_as_what_is_late() -> None:
    """After 15 s of 10, two wait on one worker: 2 × 15 s."""
    sweep = Sweep(workers=1, engine=measured(4, small=0.1, wide=0.4))
    of = jobs(SMALL, 3)
    sweep.eta.start(of[:1])
    sweep.now += 15
    assert sweep.left(of) == pytest.approx(30)


def test_what_lies_between_trials_is_counted() -> None:
    """A trial of 3 s, and 1 s until the next begins: of 4 s one worker trains 3."""
    sweep = Sweep(workers=1)
    of = jobs(SMALL, 5)
    for job in of[:2]:
        sweep.eta.start([job])
        sweep.now += 3
        sweep.end(job, 3.0)
        sweep.now += 1
    assert sweep.left(of) == pytest.approx(3 * 4)


def test_trials_that_are_yet_to_be_proposed_take_their_time() -> None:
    """Six trials of ten seconds on two workers; without those to come, two."""
    sweep = Sweep()
    first, second, *rest = jobs(SMALL, 4)
    sweep.eta.start([first])
    sweep.eta.start([second])
    sweep.now += 10.0
    sweep.end(first, 10.0)
    sweep.end(second, 10.0)
    assert sweep.eta.seconds_left(rest, sweep.records, {SMALL: 4}) == pytest.approx(30.0)
    assert sweep.eta.seconds_left(rest, sweep.records) == pytest.approx(10.0)
