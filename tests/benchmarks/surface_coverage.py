"""How often the response surface's intervals hold the truth, on synthetic truths.

python -m tests.benchmarks.surface_coverage [--truths N] [--design NAME] [--first SEED] [--jobs N]

Prints a table: coverage of 90 % intervals of the optimum at the rungs and at an unseen target,
half-widths and errors in octaves, the regret of the choice at the target, and coverage by kind.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from mutransfer_cli.surface.response.response_surface import (
    ResponseSurface,
    fit_response,
    interval,
)
from mutransfer_cli.surface.response.runs import Runs
from tests.benchmarks.synthetic_truths import Truth, grid, sobol

CONFIDENCE = 0.9
HEADER = (
    "| design | where | truths | covers | half-width | error 50 / 95 % / max | by kind |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)
# by name: number of hyperparameters, and what a sweep runs
DESIGNS: dict[str, tuple[int, Callable[[Truth], Runs]]] = {
    "octaves, 2 seeds": (1, grid),
    "half octaves": (1, lambda truth: grid(truth, step=0.5, seeds=1, half=5)),
    "sobol 1": (1, lambda truth: sobol(truth, points=24)),
    "sobol 2": (2, lambda truth: sobol(truth, points=32)),
    "sobol 3": (3, lambda truth: sobol(truth, points=40)),
    "sobol 4": (4, lambda truth: sobol(truth, points=50)),
    "dense 1": (1, lambda truth: sobol(truth, points=512)),
    "dense 2": (2, lambda truth: sobol(truth, points=512)),
    "dense 3": (3, lambda truth: sobol(truth, points=512)),
}


@dataclass(frozen=True)
class Answer:
    """One interval held against the truth.

    Attributes:
        where: `rung` or `target`.
        kind: Kind of the curve along the hyperparameter.
        error: Estimate less truth, in octaves.
        half_width: Half of the interval's width.
        covers: Whether the interval holds the truth.
    """

    where: str
    kind: str
    error: float
    half_width: float
    covers: bool


@dataclass(frozen=True)
class Outcome:
    """All answers for one truth, and the regret of the choice at its target.

    Attributes:
        answers: The intervals.
        regret: True regret of the choice.
        promised: Upper end of the regret's interval.
        seconds: CPU seconds of the fit.
        beyond: Octaves from the largest rung to the target.
    """

    answers: tuple[Answer, ...]
    regret: float
    promised: float
    seconds: float
    beyond: float


def answers_of(
    surface: ResponseSurface, truth: Truth, where: str, sizes: Iterable[float]
) -> list[Answer]:
    """Hold the intervals of the optimum at some sizes against the truth.

    Args:
        surface: The surface fitted to runs of the truth.
        truth: The truth.
        where: What the sizes are.
        sizes: The sizes in octaves.
    """
    answers = []
    for size in sizes:
        optimum, true = surface.at(np.array([size])).optimum, truth.optimum_at(size)
        for j, kind in enumerate(truth.kinds):
            found = interval(optimum[:, j], CONFIDENCE)
            assert found.low is not None and found.high is not None
            answers.append(
                Answer(
                    where,
                    kind.name,
                    found.value - true[j],
                    (found.high - found.low) / 2,
                    bool(found.low <= true[j] <= found.high),
                )
            )
    return answers


def outcome(design: str, seed: int) -> Outcome:
    """Fit one truth.

    Args:
        design: Name of the design.
        seed: Seed of the truth.
    """
    p, make = DESIGNS[design]
    truth = Truth(seed, p)
    runs = make(truth)
    began = time.process_time()
    surface = fit_response(runs)
    seconds = time.process_time() - began
    answers = answers_of(surface, truth, "rung", truth.sizes)
    answers += answers_of(surface, truth, "target", [truth.target])
    target = np.array([truth.target])
    choice = surface.lowest_regret(target)
    promised = interval(surface.excess(choice, target), CONFIDENCE).high
    assert promised is not None
    regret = float(truth.excess(choice, truth.target)[0])
    return Outcome(tuple(answers), regret, promised, seconds, truth.target - max(truth.sizes))


def row(design: str, where: str, truths: int, answers: Sequence[Answer]) -> str:
    """One row of the table.

    Args:
        design: Name of the design.
        where: `rung` or `target`.
        truths: Number of truths.
        answers: The intervals there.
    """
    errors = np.abs([a.error for a in answers])
    kinds = defaultdict(list)
    for a in answers:
        kinds[a.kind].append(a.covers)
    by_kind = ", ".join(f"{k} {np.mean(v):.2f} ({len(v)})" for k, v in sorted(kinds.items()))
    return (
        f"| {design} | {where} | {truths} | {np.mean([a.covers for a in answers]):.3f} "
        f"| {np.median([a.half_width for a in answers]):.3f} | {np.median(errors):.3f} / "
        f"{np.quantile(errors, 0.95):.2f} / {errors.max():.2f} | {by_kind} |"
    )


def report(design: str, outcomes: list[Outcome]) -> None:
    """Print one design's rows.

    Args:
        design: Name of the design.
        outcomes: Of all truths.
    """
    for where in ("rung", "target"):
        answers = [a for o in outcomes for a in o.answers if a.where == where]
        print(row(design, where, len(outcomes), answers), flush=True)
    regret = np.array([o.regret for o in outcomes])
    promised = np.array([o.promised for o in outcomes])
    print(
        f"{design}: regret at the target {regret.mean():.3%} mean, {regret.max():.2%} largest; "
        f"upper end {np.median(promised):.3%} median, holds in {np.mean(regret <= promised):.3f}; "
        f"{1000 * np.median([o.seconds for o in outcomes]):.0f} ms a fit",
        flush=True,
    )
    distance = np.array([o.beyond for o in outcomes]).round(1)
    for octaves in np.unique(distance):
        there = [o for o, d in zip(outcomes, distance, strict=True) if d == octaves]
        own = [a for o in there for a in o.answers if a.where == "target"]
        kept = np.mean([o.regret <= o.promised for o in there])
        half = np.median([a.half_width for a in own])
        print(
            f"{design}, {octaves:g} octaves beyond ({len(there)} truths): covers "
            f"{np.mean([a.covers for a in own]):.3f} at ±{half:.2f}; "
            f"regret {np.mean([o.regret for o in there]):.3%} mean; upper end "
            f"{np.median([o.promised for o in there]):.3%} median, holds in {kept:.3f}",
            flush=True,
        )


def main() -> None:
    """Run the designs that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--truths", type=int, default=100)
    parser.add_argument("--first", type=int, default=7000)
    parser.add_argument("--design", choices=list(DESIGNS), action="append")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    print(HEADER)
    seeds = range(options.first, options.first + options.truths)
    with ProcessPoolExecutor(options.jobs) as pool:
        for design in options.design or DESIGNS:
            outcomes = pool.map(outcome, [design] * len(seeds), seeds, chunksize=5)
            report(design, list(outcomes))


if __name__ == "__main__":
    main()
