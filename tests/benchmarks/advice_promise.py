"""How often the proxy that `fit --advise` names keeps its promise, on synthetic truths.

python -m tests.benchmarks.advice_promise [TRUTHS [FIRST_SEED]]

Each truth has four rungs an octave apart, swept as for `prediction_coverage`; the target is two
octaves beyond. Of the sizes an octave apart up to the target, the cheapest is advised that promises
a regret of at most 0.5 %. Its sweep is then run with the stated trials about the predicted optimum,
fitted alone, and the setting that it finds is used at the target. The promise is kept if the true
regret there is not above it. The same for every size on offer, advised or not: `all sizes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mutransfer_cli.surface.response.response_surface import ResponseSurface, fit_response
from mutransfer_cli.surface.response.runs import Array, Runs
from mutransfer_cli.surface.transfer.proxy_promise import (
    Design,
    cheapest,
    promised_regret,
    standard_design,
)
from tests.benchmarks.given_words import given_words
from tests.benchmarks.prediction_coverage import BEYOND, share
from tests.benchmarks.synthetic_truths import Truth, grid, run_all, sobol

CONFIDENCE = 0.95
TOLERANCE = 0.005
DESIGNS: dict[str, tuple[int, float, Callable[[Truth], Runs]]] = {
    "1, octave grid, 2 seeds": (1, 0.5, lambda truth: grid(truth)),
    "2, 32 Sobol points": (2, 0.3, lambda truth: sobol(truth, points=32)),
    "3, 40 Sobol points": (3, 0.2, lambda truth: sobol(truth, points=40)),
}


@dataclass(frozen=True)
class Kept:
    """One proxy and what came of it.

    Attributes:
        advised: Whether it was advised.
        octaves: Octaves of width between it and the target.
        share: Cost of its sweep relative to one run of the target, at cost proportional to width².
        promised: The promised regret, relative to the loss.
        regret: The true regret of what its sweep found.
        direct: The true regret of the ladder's own choice for the target.
    """

    advised: bool
    octaves: float
    share: float
    promised: float
    regret: float
    direct: float

    @property
    def kept(self) -> bool:
        """Whether the promise was kept."""
        return self.regret <= self.promised


def proxies(seed: int, count: int, ladder: Callable[[Truth], Runs]) -> list[Kept]:
    """All proxies of one truth.

    Args:
        seed: Seed of the truth.
        count: Number of hyperparameters.
        ladder: The runs of its ladder.
    """
    truth = Truth(seed, hyperparameters=count)
    surface = fit_response(ladder(truth))
    target = float(truth.sizes[-1]) + BEYOND
    sizes = np.arange(float(truth.sizes[0]), target)
    design = standard_design(count)
    there = np.array([target])
    promises = [
        float(np.expm1(np.quantile(promised_regret(surface, np.array([z]), there, design),
                                   (1 + CONFIDENCE) / 2)))
        for z in sizes
    ]  # fmt: skip
    costs = [design.trials * 4.0 ** (z - target) for z in sizes]
    advised = cheapest(costs, promises, TOLERANCE)
    direct = regret_of(truth, surface.lowest_regret(there), target)
    return [
        Kept(
            advised=i == advised,
            octaves=target - z,
            share=costs[i],
            promised=promises[i],
            regret=regret_of(truth, found(truth, surface, z, design), target),
            direct=direct,
        )
        for i, z in enumerate(sizes)
    ]


def found(truth: Truth, surface: ResponseSurface, size: float, design: Design) -> Array:
    """What the stated sweep of one size finds.

    Args:
        truth: What is run.
        surface: The ladder's surface, for the center of the sweep.
        size: The size in octaves.
        design: The trials.
    """
    center = surface.lowest_regret(np.array([size]))
    runs = run_all(truth, [(size, center + design.offsets)], design.seeds)
    return fit_response(runs).lowest_regret(np.array([size]))


def regret_of(truth: Truth, setting: Array, size: float) -> float:
    """The true regret of a setting at a size."""
    return float(np.expm1(truth.excess(setting[None], size)[0]))


def row(label: str, truths: int, outcomes: Sequence[Kept]) -> str:
    """One line of the table."""
    advised = [o for o in outcomes if o.advised]
    cells = [
        label,
        str(truths),
        str(len(advised)),
        share([o.kept for o in advised]),
        f"{100 * np.median([o.promised for o in advised]):.2f}",
        f"{100 * np.mean([o.regret for o in advised]):.3f}",
        f"{np.median([o.octaves for o in advised]):.0f}",
        f"{100 * np.median([o.share for o in advised]):.1f}",
        share([o.kept for o in outcomes]),
    ]
    return "| " + " | ".join(cells) + " |"


HEADER = (
    "| hyperparameters, ladder | truths | with advice | promise kept | promise, median % | true "
    "regret, mean % | octaves below the target | cost of the sweep, median % of a target run | "
    "promise kept, all sizes |\n" + "| --- " * 9 + "|"
)


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    truths = int(arguments[0]) if arguments else 200
    first = int(arguments[1]) if len(arguments) > 1 else 20_000
    print(HEADER, flush=True)
    everything: list[Kept] = []
    for label, (count, part, ladder) in DESIGNS.items():
        number = round(part * truths)
        outcomes = [o for i in range(number) for o in proxies(first + i, count, ladder)]
        everything += outcomes
        print(row(label, number, outcomes), flush=True)
    print(row("all", truths, everything), flush=True)


if __name__ == "__main__":
    main(given_words(__doc__))
