"""Whether a fit's intervals hold optima in valleys that are lopsided near the optimum alone.

python -m tests.benchmarks.lopsided_valleys [--tables N] [--first SEED] [--planes]

One learning rate, rungs half an octave apart, the relative loss .0035 x² (1 + s f(x)) above that
of the optimum, noise of .0005, one seed, for several f that tend to ±1. Prints the share of optima
inside 95 % intervals, the mean error (that of all rungs together: more runs do not average it out)
and the mean half-width. With `--planes`, tables as public ones of language models: 17 sizes in
parameters and tokens, learning rate and batch on a grid of half octaves and octaves, 117 runs each.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from mutransfer_cli.surface.response.response_surface import fit_response, interval
from mutransfer_cli.surface.response.runs import Runs

CONFIDENCE, CURVATURE, NOISE = 0.95, 0.0035, 0.0005
CASES = ((4, 1.0), (4, 0.5), (16, 0.5))  # rungs, and octaves between rates
SKEWS = (0.0, 0.25, 0.4)
Lean = Callable[[float], float]
LEANS: dict[str, Lean] = {
    "tanh x": np.tanh,
    "-tanh x": lambda x: -np.tanh(x),
    "tanh 2x": lambda x: np.tanh(2 * x),
    "tanh x/2": lambda x: np.tanh(x / 2),
    "x/√(1 + x²)": lambda x: x / np.hypot(1, x),
}
FIRST_SIZE, WIDTH_OF_SEARCH = 20.0, 3.0  # octaves


def ladder(
    rungs: int, step: float, skew: float, lean: Lean, rng: np.random.Generator
) -> tuple[Runs, np.ndarray]:
    """The runs of a ladder, and the optimum of each rung in octaves, shape (rungs, 1).

    Args:
        rungs: How many.
        step: Octaves between learning rates.
        skew: How lopsided the valley is.
        lean: How the side depends on the octaves from the optimum.
        rng: Draws the optima and the noise.
    """
    settings, sizes, losses, optima = [], [], [], []
    for rung in range(rungs):
        optimum = -8 - 0.35 * rung / 2 + rng.uniform(-0.1, 0.1)
        optima.append(optimum)
        for rate in np.arange(-14, -4, step):
            x = rate - optimum
            if abs(x) < WIDTH_OF_SEARCH:
                settings.append([rate])
                sizes.append([FIRST_SIZE + rung / 2])
                excess = CURVATURE * x * x * (1 + skew * lean(x))
                losses.append(np.log(2.0) + excess + NOISE * rng.standard_normal())
    seeds = np.zeros(len(losses), dtype=np.int64)
    return Runs(np.array(settings), np.array(sizes), seeds, np.array(losses)), np.array(optima)[
        :, None
    ]


def plane(skew: float, rng: np.random.Generator) -> tuple[Runs, np.ndarray]:
    """The runs of a table with two hyperparameters and two sizes, and the optima of its rungs.

    Args:
        skew: How lopsided the valley is along each hyperparameter.
        rng: Draws the sizes, the optima and the noise.
    """
    rungs = [(parameters, tokens) for parameters in (26, 27, 28, 29) for tokens in (31, 32, 33, 34)]
    grid = [(rate, batch) for rate in np.arange(-12.0, -5.9, 0.5) for batch in range(15, 24)]
    settings, sizes, losses, optima = [], [], [], []
    for size in [*rungs, (30, 35)]:
        center = np.array(size) - (28, 33)
        law = np.array([-9 - 0.7 * center[0] + 0.3 * center[1], 19 + 0.57 * center[1]])
        optimum = law + rng.uniform(-0.1, 0.1, 2)
        optima.append(optimum)
        away = np.array(grid) - optimum
        excess = away**2 * (1 + skew * np.tanh(away)) @ (CURVATURE, CURVATURE / 3)
        level = np.log(2.5) - 0.05 * center.sum()
        losses.append(level + excess + NOISE * rng.standard_normal(len(grid)))
        settings.append(grid)
        sizes.append(np.tile(np.array(size, dtype=float), (len(grid), 1)))
    all_losses = np.concatenate(losses)
    seeds = np.zeros(len(all_losses), dtype=np.int64)
    runs = Runs(np.vstack(settings), np.vstack(sizes), seeds, all_losses)
    return runs, np.array(optima)


def line_of(runs: Runs, optima: np.ndarray) -> np.ndarray:
    """Errors, whether intervals hold, and half-widths, shape (rungs, hyperparameters, 3).

    Args:
        runs: Of one table.
        optima: Its truth in octaves, shape (rungs, hyperparameters).
    """
    surface = fit_response(runs)
    found = []
    for size, truth in zip(surface.rungs, optima, strict=True):
        for draws, optimum in zip(surface.at(size).optimum.T, truth, strict=True):
            own = interval(draws, CONFIDENCE)
            assert own.low is not None and own.high is not None
            holds = own.low <= optimum <= own.high
            found.append((own.value - optimum, holds, (own.high - own.low) / 2))
    return np.array(found).reshape(*optima.shape, 3)


def row(name: str, tables: list[np.ndarray]) -> None:
    """Print one line for each hyperparameter."""
    for number, own in enumerate(np.moveaxis(np.vstack(tables), 1, 0)):
        error, inside, half = own.mean(0)
        print(f"| {name} | {('lr', 'batch')[number]} | {inside:.2f} of {len(own)} "
              f"| {error:+.3f} | {half:.3f} |", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=8, help="of each kind")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--planes", action="store_true", help="two hyperparameters and sizes")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.tables)
    print("| table | hyperparameter | inside | error, mean | half-width, mean |")
    print("| --- | --- | --- | --- | --- |")
    if options.planes:
        for skew in SKEWS:
            drawn = [plane(skew, np.random.default_rng(seed)) for seed in seeds]
            row(f"s {skew}", [line_of(*table) for table in drawn])
        return
    for name, lean in LEANS.items():
        for skew in SKEWS[1:] if name != "tanh x" else SKEWS:
            for rungs, step in CASES:
                drawn = [ladder(rungs, step, skew, lean, np.random.default_rng(s)) for s in seeds]
                kind = f"s {skew}, {name}, {rungs} rungs, rates {step} octaves apart"
                row(kind, [line_of(*table) for table in drawn])


if __name__ == "__main__":
    main()
