"""Whether a fit's intervals hold optima in valleys that are lopsided near the optimum alone.

python -m tests.benchmarks.lopsided_valleys [--tables N] [--first SEED]

One learning rate, rungs half an octave apart, the relative loss .0035 x² (1 + s tanh x) above that
of the optimum, noise of .0005, one seed. Prints the share of optima inside 95 % intervals, the mean
error (that of all rungs together: more runs do not average it out) and the mean half-width.
"""

from __future__ import annotations

import argparse

import numpy as np

from mutransfer_cli.surface.response.response_surface import fit_response, interval
from mutransfer_cli.surface.response.runs import Runs

CONFIDENCE, CURVATURE, NOISE = 0.95, 0.0035, 0.0005
CASES = ((4, 1.0), (4, 0.5), (16, 0.5))  # rungs, and octaves between rates
SKEWS = (0.0, 0.25, 0.4)
FIRST_SIZE, WIDTH_OF_SEARCH = 20.0, 3.0  # octaves


def table(
    rungs: int, step: float, skew: float, rng: np.random.Generator
) -> tuple[Runs, list[float]]:
    """The runs of a ladder, and the optimum of each rung in octaves.

    Args:
        rungs: How many.
        step: Octaves between learning rates.
        skew: How lopsided the valley is.
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
                excess = CURVATURE * x * x * (1 + skew * np.tanh(x))
                losses.append(np.log(2.0) + excess + NOISE * rng.standard_normal())
    seeds = np.zeros(len(losses), dtype=np.int64)
    return Runs(np.array(settings), np.array(sizes), seeds, np.array(losses)), optima


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=8, help="of each kind")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    options = parser.parse_args()
    print("| s | rungs | octaves between rates | inside | error, mean | half-width, mean |")
    print("| --- | --- | --- | --- | --- | --- |")
    for skew in SKEWS:
        for rungs, step in CASES:
            errors, halves = [], []
            for seed in range(options.first, options.first + options.tables):
                runs, optima = table(rungs, step, skew, np.random.default_rng(seed))
                surface = fit_response(runs)
                for size, optimum in zip(surface.rungs, optima, strict=True):
                    found = interval(surface.at(size).optimum[:, 0], CONFIDENCE)
                    assert found.low is not None and found.high is not None
                    errors.append((found.value - optimum, found.low <= optimum <= found.high))
                    halves.append((found.high - found.low) / 2)
            error, inside = np.mean(errors, axis=0)
            print(f"| {skew} | {rungs} | {step} | {inside:.2f} of {len(errors)} "
                  f"| {error:+.3f} | {np.mean(halves):.3f} |")  # fmt: skip


if __name__ == "__main__":
    main()
