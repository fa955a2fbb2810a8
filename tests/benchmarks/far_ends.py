"""Whether the learning rate is known beside a batch that is best beyond those that were run.

python -m tests.benchmarks.far_ends [--truths N] [--first SEED]

Sweeps of eight learning rates and three batches at three widths; the best batch is so many octaves
beyond the largest that was run. `fit` then chooses that batch, and the rate that is best beside it,
at a width an octave beyond. Intervals at 95 %.
"""

from __future__ import annotations

import argparse

import numpy as np

from mutransfer_cli.fit.decision.answering import answer
from mutransfer_cli.fit.decision.answers import Question
from mutransfer_cli.surface.observation import Observation

BEYOND = (0.5, 1.0, 2.0, 3.0)  # octaves
BATCHES, RATES, WIDTHS = (12, 24, 48), range(-12, -4), (128, 256, 512)


def sweep(beyond: float, rng: np.random.Generator) -> tuple[list[Observation], float]:
    """The runs of a sweep, and log2 of the learning rate that is best beside its largest batch.

    Args:
        beyond: Octaves from the largest batch to the best one.
        rng: Draws slant, steepness, skew, optimum and noise.
    """
    slant, skew = rng.uniform(0.2, 0.6), rng.uniform(0, 0.3)
    center, steepness = -8 + rng.uniform(-0.5, 0.5), rng.uniform(0.006, 0.02, 2) * (1, 0.4)
    runs = []
    for width in WIDTHS:
        for rate in RATES:
            for batch in BATCHES:
                off = np.log2(batch / BATCHES[-1]) - beyond
                x = rate - center - slant * off
                excess = steepness @ (x * x * (1 + skew * np.tanh(x)), off * off)
                loss = 2.5 * np.exp(excess + 0.001 * rng.standard_normal())
                runs.append(Observation(width, 2.0**rate, 0, loss, params={"batch": float(batch)}))
    return runs, center - slant * beyond


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--truths", type=int, default=12, help="at each distance")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    options = parser.parse_args()
    question = Question(target=lambda rungs: {"width": 2.0 * WIDTHS[-1]})
    print("| octaves beyond | inside | half-width, median | error, median |")
    print("| --- | --- | --- | --- |")
    for beyond in BEYOND:
        inside, half, errors = [], [], []
        for seed in range(options.first, options.first + options.truths):
            runs, best = sweep(beyond, np.random.default_rng([seed, int(2 * beyond)]))
            choice = answer(runs, question).choice
            assert choice is not None
            found = choice.values["lr"].value
            assert found.low is not None and found.high is not None
            inside.append(found.low <= 2.0**best <= found.high)
            half.append(np.log2(found.high / found.low) / 2)
            errors.append(abs(np.log2(found.value) - best))
        print(f"| {beyond:g} | {sum(inside)} of {len(inside)} | {np.median(half):.2f} "
              f"| {np.median(errors):.3f} |")  # fmt: skip


if __name__ == "__main__":
    main()
