"""Whether `fit` holds the optimum where tables keep the last finite loss of runs that blew up.

python -m tests.benchmarks.blown_up [--tables N] [--hyperparameters P] [--first SEED] [--without]

Tables of four widths and one seed; above a cliff one to two and a half octaves over the best
learning rate, losses are 7 to 60, where the best is about 3. `--without` takes these losses as they
are, as if nothing had jumped. Intervals of the optimum at the rungs, at 90 %.
"""

from __future__ import annotations

import argparse
from itertools import product
from math import inf

import numpy as np
import numpy.typing as npt

from mutransfer_cli.fit.decision.answering import answer
from mutransfer_cli.fit.decision.answers import Question
from mutransfer_cli.surface import divergence_jump
from mutransfer_cli.surface.observation import Observation

WIDTHS = (128, 256, 512, 1024)
OTHERS = ("weight_decay", "init_std")


def table(
    seed: int, hyperparameters: int
) -> tuple[list[Observation], npt.NDArray[np.float64], int]:
    """The runs, log2 of the best learning rate at each width, and how many runs blew up.

    Args:
        seed: Seed of everything.
        hyperparameters: 1 (a grid of octaves or one and a half) to 3.
    """
    rng = np.random.default_rng([seed, hyperparameters])
    step = rng.choice([1.0, 1.5]) if hyperparameters == 1 else 1.0
    rates = -12 + rng.uniform(0, 1) + np.arange(0, 9.1, step)
    other = [np.arange(-4, 4.1, 2.0 if p == 0 else 4.0) for p in range(hyperparameters - 1)]
    steepness = np.array([rng.uniform(0.008, 0.03), *rng.uniform(0.003, 0.01, len(other))])
    skew, wall = rng.uniform(0, 0.4), rng.uniform(1.0, 2.5)
    best = -8 + rng.uniform(-1, 1) + rng.uniform(-0.3, 0.3) * np.arange(len(WIDTHS))
    runs, blown = [], 0
    for width, lr in zip(WIDTHS, best, strict=True):
        for setting in product(rates, *other):
            off = np.array(setting) - np.array([lr, *[0.3] * len(other)])
            if off[0] > wall:
                loss, blown = rng.uniform(7, 60), blown + 1
            else:
                rise = steepness @ off**2 + steepness[0] * skew * off[0] ** 2 * np.tanh(off[0] / 2)
                loss = 3.0 * (width / 128) ** -0.05 * np.exp(rise + 0.002 * rng.normal())
            params = {name: 2.0**x for name, x in zip(OTHERS, setting[1:], strict=False)}
            runs.append(Observation(width, 2.0 ** setting[0], 0, float(loss), params=params))
    return runs, best, blown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=24)
    parser.add_argument("--hyperparameters", type=int, default=1, choices=(1, 2, 3))
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--without", action="store_true")
    options = parser.parse_args()
    if options.without:
        divergence_jump.JUMP = inf
    inside, errors, half, asked, blown = [], [], [], 0, 0
    for seed in range(options.first, options.first + options.tables):
        runs, best, lost = table(seed, options.hyperparameters)
        asked, blown = asked + len(best), blown + lost
        truths = dict(zip(WIDTHS, best, strict=True))
        for rung in answer(runs, Question(confidence=0.9)).rungs:
            found = (rung.optimum or {}).get("lr")
            if found is None or found.low is None or found.high is None:
                continue
            true = truths[int(rung.sizes["width"])]
            inside.append(found.low <= 2.0**true <= found.high)
            errors.append(abs(np.log2(found.value) - true))
            half.append(np.log2(found.high / found.low) / 2)
    print(
        f"{blown} runs blew up; of {asked} optima of the learning rate {len(inside)} answered, "
        f"inside {np.mean(inside):.3f}; error median {np.median(errors):.3f}, 95 % "
        f"{np.quantile(errors, 0.95):.2f}; half-width median {np.median(half):.3f}"
    )


if __name__ == "__main__":
    main()
