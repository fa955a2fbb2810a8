"""What it costs to know the optimum at a target: adaptive against a grid, and against lines.

python -m tests.benchmarks.adaptive_cost [HYPERPARAMETERS [TRUTHS [FIRST_SEED [TARGET]]]]

Nothing is trained: trials end with the losses of synthetic truths, and cost width² each. Rungs are
32 to 256, the target 1024 (or as given; 256 is a rung); the recipe's values are off by an octave
(standard deviation). With one hyperparameter, `adaptive` gets a quarter of the FLOPs of a
half-octave grid (nine rates, three seeds, four rungs: 108 trials); with more, a quarter of those of
`independent` (a line of seven octaves for each hyperparameter on the smallest rung, then the
learning rate on all, two seeds). A third line lets `adaptive` run to its own end. The response
surface answers all; how often the intervals of `adaptive` hold is a table of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log2

import numpy as np

from mutransfer_cli.recipe.schema.search import Budget, Search
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.adaptive import AdaptiveSampler
from mutransfer_cli.search.samplers.adaptive_search.search_coordinates import SearchedSpace, runs_of
from mutransfer_cli.search.samplers.independent import IndependentSampler
from mutransfer_cli.search.samplers.protocol import Sampler, SearchProblem
from mutransfer_cli.surface.design.goal import Goal
from mutransfer_cli.surface.response.response_surface import fit_response
from tests.benchmarks.given_words import given_words
from tests.benchmarks.surface_coverage import HEADER, Answer, answers_of, row
from tests.benchmarks.synthetic_truths import Truth

NAMES = ("lr", "weight_decay", "logit_multiplier", "embedding_multiplier")
TOLERANCES = (0.25, 0.5, 0.5, 0.5)
WIDTHS = (32, 64, 128, 256)
FURTHEST = 12.0  # octaves that the range reaches from the recipe's values
AXES = (("width",),)
MEANS = ("trials", "cost", "regret")


@dataclass(frozen=True)
class Outcome:
    """What a search found.

    Attributes:
        trials: How many it took.
        cost: Their cost, in runs at the target.
        error: Octaves from the optimum at the target, of each hyperparameter.
        regret: Relative excess loss of the choice at the target.
        certified: Whether the surface is as sure as the tolerances.
        seconds: Of the longest round's decision.
        answers: Intervals of the optimum, if all rungs vary all hyperparameters.
    """

    trials: int
    cost: float
    error: np.ndarray
    regret: float
    certified: bool
    seconds: float
    answers: tuple[Answer, ...] = ()

    @property
    def right(self) -> bool:
        """Whether every hyperparameter is within its tolerance."""
        return bool((self.error <= TOLERANCES[: len(self.error)]).all())


def size_of(width: int) -> Size:
    return Size(width, 2, 32, 100)


def starting_point(truth: Truth, seed: int) -> np.ndarray:
    """The recipe's values in octaves, off by an octave; on a lattice, as values in recipes are."""
    rng = np.random.default_rng([seed, 77])
    away = rng.normal(0, 1, truth.hyperparameters)
    return np.asarray(np.round(8 * (truth.optimum_at(truth.sizes[0]) + away)) / 8)


def problem_of(start: np.ndarray, reach: float, target: int, **search: object) -> SearchProblem:
    """A search about a starting point.

    Args:
        start: The recipe's values in octaves.
        reach: Octaves that the range reaches to either side.
        target: Width of the target.
        search: Further keys of the recipe's section.
    """
    names = NAMES[: len(start)]
    space = {n: Space(log2=(h - reach, h + reach)) for n, h in zip(names, start, strict=True)}
    return SearchProblem(
        Search(space=space, extend=0, **search),  # type: ignore[arg-type]  # by name
        tuple(size_of(width) for width in WIDTHS),
        0,
        {n: 2.0**h for n, h in zip(names, start, strict=True)},
        size_of(target),
    )


def trained(truth: Truth, job: Job) -> Record:
    """The record of a trial, from a truth's loss."""
    point = np.array([[log2(value) for value in job.params.values()]])
    loss = float(truth.losses(point, log2(job.size.width), job.seed)[0])
    finished = bool(np.isfinite(loss))
    return Record(
        params=job.params,
        **job.size.as_dict(),
        seed=job.seed,
        outcome="finished" if finished else "diverged",
        loss=loss if finished else None,
        flops=float(job.size.width**2),
    )


def driven(truth: Truth, sampler: Sampler) -> tuple[list[Record], float]:
    """All trials that a sampler proposes, and the seconds of its longest decision."""
    records: list[Record] = []
    longest = 0.0
    while True:
        started = time.process_time()
        jobs = missing(sampler.propose(records), records)
        longest = max(longest, time.process_time() - started)
        if not jobs:
            return records, longest
        records += [trained(truth, job) for job in jobs]


def outcome(
    truth: Truth, problem: SearchProblem, records: Sequence[Record], seconds: float
) -> Outcome:
    """The answer of the response surface to trials.

    Args:
        truth: What the trials drew from.
        problem: The search.
        records: Its trials.
        seconds: Of its longest decision.
    """
    p = truth.hyperparameters
    assert problem.target is not None
    target = problem.target.width
    size, space = np.array([log2(target)]), SearchedSpace(problem.search.space, 0)
    varied = [n for n in space.names if len({r.params[n] for r in records if on_all(r)}) > 1]
    choice = np.array([log2(v) for v in records[-1].params.values()])
    rows = [r for r in records if len(varied) == p or on_line(r, records[-1], varied)]
    kept = SearchedSpace({n: space.spaces[n] for n in varied}, 0)
    surface = fit_response(runs_of(rows, kept, AXES))
    goal = Goal(size, np.array([TOLERANCES[NAMES.index(n)] for n in varied]))
    answers = list[Answer]()
    if len(varied) == p:
        answers += answers_of(surface, truth, "rung", surface.rungs[:, 0])
        answers += answers_of(surface, truth, "target", size)
    choice[[NAMES.index(n) for n in varied]] = surface.lowest_regret(size)
    return Outcome(
        trials=len(records),
        cost=sum(r.flops for r in records) / target**2,
        error=np.abs(choice - truth.optimum_at(log2(target))),
        regret=float(np.expm1(truth.excess(choice[None], log2(target))[0])),
        certified=len(varied) == p and goal.is_reached(surface),
        seconds=seconds,
        answers=tuple(answers),
    )


def on_all(record: Record) -> bool:
    """Whether a trial is on a larger rung than the smallest."""
    return record.width > min(WIDTHS)


def on_line(record: Record, other: Record, varied: Sequence[str]) -> bool:
    """Whether two trials differ only in some hyperparameters."""
    return all(v == other.params[n] for n, v in record.params.items() if n not in varied)


def baseline(seed: int, p: int, target: int) -> Outcome:
    """A half-octave grid of one hyperparameter, or one line after another of several."""
    truth = Truth(seed, p)
    start = starting_point(truth, seed)
    if p > 1:
        problem = problem_of(start, 3.0, target, sampler="independent", seeds=2)
        return outcome(truth, problem, *driven(truth, IndependentSampler(problem)))
    problem = problem_of(start, 2.0, target, seeds=3)
    rates = 2.0 ** (start[0] + np.arange(-2.0, 2.25, 0.5))
    jobs = [
        Job(size, s, (("lr", float(r)),)) for size in problem.rungs for r in rates for s in range(3)
    ]
    return outcome(truth, problem, [trained(truth, job) for job in jobs], 0.0)


def adaptive(seed: int, p: int, target: int, budget: float) -> Outcome:
    """The adaptive search.

    Args:
        seed: Seed of the truth.
        p: Number of hyperparameters.
        target: Width of the target.
        budget: Runs at the target that it may cost.
    """
    truth = Truth(seed, p)
    limit = Budget(flops=budget * target**2) if budget < inf else Budget()
    problem = problem_of(
        starting_point(truth, seed),
        FURTHEST,
        target,
        sampler="adaptive",
        precision=dict(zip(NAMES[:p], TOLERANCES[:p], strict=True)),
        budget=limit,
    )
    return outcome(truth, problem, *driven(truth, AdaptiveSampler(problem)))


def line(name: str, found: Sequence[Outcome]) -> str:
    """One row of the table."""
    worst = np.array([o.error.max() for o in found])
    certified = [o for o in found if o.certified]
    kept = f"{np.mean([o.right for o in certified]):.2f}" if certified else "-"
    error = f"{np.median(worst):.2f} / {np.quantile(worst, 0.9):.2f}"
    trials, cost, regret = (np.mean([getattr(o, k) for o in found]) for k in MEANS)
    return (
        f"{name:24} {trials:6.0f} {cost:6.2f} {np.mean([o.right for o in found]):6.2f} {error:>14}"
        f" {100 * regret:9.3f} % {len(certified) / len(found):10.2f} {kept:>6}"
        f" {max(o.seconds for o in found):8.2f}"
    )


def main() -> None:
    given = given_words(__doc__)
    defaults = ("1", "40", "1000", "1024")[len(given) :]
    p, truths, first, target = (int(x) for x in [*given, *defaults])
    seeds = range(first, first + truths)
    print(
        f"{p} hyperparameters, {truths} truths from seed {first}; error of the worst: median / 90 %"
    )
    print(f"{'':24} trials   cost  right   error          regret   certified  right  seconds")
    fixed = [baseline(seed, p, target) for seed in seeds]
    print(line("independent" if p > 1 else "half-octave grid", fixed), flush=True)
    quarter = [adaptive(s, p, target, o.cost / 4) for s, o in zip(seeds, fixed, strict=True)]
    print(line("adaptive, a quarter", quarter), flush=True)
    ended = [adaptive(s, p, target, inf) for s in seeds]
    print(line("adaptive, to its end", ended), flush=True)
    print(f"\n90 % intervals of the optimum, in octaves\n{HEADER}")
    for name, outcomes in (("a quarter", quarter), ("to its end", ended)):
        answers = [a for o in outcomes for a in o.answers]
        for where in ("rung", "target"):
            print(row(name, where, truths, [a for a in answers if a.where == where]))


if __name__ == "__main__":
    main()
