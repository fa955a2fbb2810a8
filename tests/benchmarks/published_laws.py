"""Whether tables like published ones, fitted on their small sizes, predict the large one.

python -m tests.benchmarks.published_laws [--tables N] [--first SEED] [--skew LOW HIGH] [--step OCT]

Each table searches learning rate and batch (`bjorck`: the rate alone) over parameters and tokens,
with the exponents of a published law, gaps in its grids, a skewed valley, optima that scatter and
noise. It is written as CSV and read as the commands do. `law --form optimum` and `predict` name the
optimum of 5e8 parameters and 2e10 tokens from models of 2.1e8 parameters and less.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mutransfer_cli.catalog.laws import LAWS
from mutransfer_cli.errors import Inconclusive
from mutransfer_cli.fit.forecast.forecasting import make_prediction
from mutransfer_cli.fit.forecast.ladder_runs import TableOptions
from mutransfer_cli.fit.law.law_fit import LawRequest, fit_law
from mutransfer_cli.fit.law.run_columns import read_columns
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.law_form import LawOptions

Array = npt.NDArray[np.float64]
CONFIDENCE = 0.95
PARAMS, TOKENS = (6e7, 1.2e8, 2.1e8), (2e9, 4e9, 8e9)
TARGET = {"params": 5e8, "tokens": 2e10}
CENTER = {"params": 1e8, "tokens": 4e9}  # where the best rate is about 2^-9, the best batch 2^8
MISSING = 0.15  # share of a grid's runs that nobody made
SCATTER = 0.05  # octaves of a size's optimum about the law
# exponents of the best learning rate and batch in parameters and tokens, with the source
FAMILIES: dict[str, dict[str, tuple[float, float]]] = {
    "step-law": {"lr": (-0.713, 0.307), "batch": (0.0, 0.571)},  # arXiv 2503.04715
    "deepseek": {"lr": (-0.125, -0.125), "batch": (0.327, 0.327)},  # arXiv 2401.02954
    "olmo": {"lr": (-1 / 3, 0.0), "batch": (2 / 3, 0.0)},  # arXiv 2412.04403
    "cerebras": {"lr": (0.0, 0.0), "batch": (0.0, 0.4)},  # muP; batch: arXiv 2505.13738
    "bjorck": {"lr": (0.0, -0.32)},  # arXiv 2409.19913
}


class Truth(NamedTuple):
    """A family of runs: where its optimum is at a size, and what a departure from it costs."""

    family: str
    center: Array
    steepness: Array
    skew: Array

    def optimum(self, sizes: Mapping[str, float]) -> Array:
        """log2 of the best values."""
        z = np.array([np.log2(sizes[name] / CENTER[name]) for name in CENTER])
        return self.center + np.array(list(FAMILIES[self.family].values())) @ z

    def excess(self, off: Array) -> Array:
        """Log loss above the best, of octaves from it: steeper on one side, entangled."""
        cost = self.steepness * off**2 * (1 + self.skew * np.tanh(off / 2))
        slant = 0.0
        if len(self.center) > 1:
            slant = -0.5 * float(np.sqrt(self.steepness.prod())) * off[:, 0] * off[:, 1]
        return np.asarray(cost.sum(axis=1) + slant)


def simulated(family: str, rng: np.random.Generator, skew: tuple[float, float], step: float,
              path: Path) -> Truth:  # fmt: skip
    """Write a table of the small sizes.

    Args:
        family: Whose law the optima follow.
        rng: Draws everything.
        skew: Range of the relative difference between the two sides of a valley.
        step: Octaves between learning rates, and between batches.
        path: The file.
    """
    p = len(FAMILIES[family])
    truth = Truth(
        family,
        np.array([-9.0, 8.0])[:p] + rng.uniform(-0.5, 0.5, p),
        np.array([rng.uniform(0.006, 0.02), rng.uniform(0.003, 0.01)])[:p],
        rng.uniform(*skew, p) * np.array([1.0, rng.choice([-1, 1])])[:p],
    )
    noise = rng.choice([5e-4, 1e-3, 2e-3])
    axes = [np.arange(-13, -5.9, step), np.arange(5, 11.1, step)][:p]
    grid = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)
    lines = [",".join(["N", "D", *FAMILIES[family], "val_loss"])]
    for n in PARAMS:
        for d in TOKENS:
            best = truth.optimum({"params": n, "tokens": d}) + SCATTER * rng.normal(size=p)
            rise = np.exp(0.1 * rng.normal()) * truth.excess(grid - best)
            level = 1.7 + 480 * n**-0.35 + 2000 * d**-0.37
            for setting, above in zip(grid, rise, strict=True):
                if above > 0.5 or rng.random() < MISSING:
                    continue
                values = [f"{2.0**x:.5g}" for x in setting]
                loss = level * np.exp(above + noise * rng.normal())
                lines.append(",".join([f"{n:g}", f"{d:g}", *values, f"{loss:.5f}"]))
    path.write_text("\n".join(lines) + "\n")
    return truth


def by_law(path: Path) -> dict[str, Interval]:
    """The optimum of the target by `law --form optimum --at`."""
    options = LawOptions(confidence=CONFIDENCE)
    request = LawRequest(form=LAWS["optimum"], options=options, at=(TARGET,))
    document = fit_law(read_columns(str(path), ("loss",), if_present=("loss",)), request).document
    asked = next(row for row in document.predictions if row["params"] == TARGET["params"])
    return {name: value for name, value in asked.items() if isinstance(value, Interval)}


def by_prediction(path: Path) -> dict[str, Interval]:
    """The optimum of the target by `predict`."""
    return dict(
        make_prediction(str(path), TARGET, confidence=CONFIDENCE, table=TableOptions()).optimum
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=6, help="of each family")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--skew", type=float, nargs=2, default=(0.2, 0.4))
    parser.add_argument("--step", type=float, default=1.0)
    options = parser.parse_args()
    inside, half, off, regret, asked = (defaultdict[str, list[float]](list) for _ in range(5))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.csv"
        for family in FAMILIES:
            for seed in range(options.first, options.first + options.tables):
                rng = np.random.default_rng([seed, list(FAMILIES).index(family)])
                truth = simulated(family, rng, tuple(options.skew), options.step, path)
                best = truth.optimum(TARGET)
                for command, answered in (("law", by_law), ("predict", by_prediction)):
                    try:
                        optimum = answered(path)
                    except Inconclusive:
                        asked[command].append(0.0)
                        continue
                    asked[command].append(1.0)
                    names = list(FAMILIES[family])
                    at = np.log2([optimum[name].value for name in names])
                    regret[command].append(float(truth.excess((at - best)[None, :])[0]))
                    for j, name in enumerate(names):
                        found = optimum[name]
                        if found.low is None or found.high is None:
                            continue
                        key = f"{command} {name}"
                        inside[key].append(float(found.low <= 2.0 ** best[j] <= found.high))
                        half[key].append(float(np.log2(found.high / found.low)) / 2)
                        off[key].append(float(at[j] - best[j]))
    print("| answer | inside | half-width, median | departure: mean, root mean square |")
    print("| --- | --- | --- | --- |")
    for key, hits in inside.items():
        departures = np.array(off[key])
        print(f"| {key} | {sum(hits):.0f} of {len(hits)} | {np.median(half[key]):.3f} "
              f"| {departures.mean():+.3f}, {np.sqrt((departures**2).mean()):.3f} |")  # fmt: skip
    for command, values in regret.items():
        print(f"{command}: answered {np.sum(asked[command]):.0f} of {len(asked[command])}, regret "
              f"{np.mean(values):.3%} on average, at most {np.max(values):.2%}")  # fmt: skip


if __name__ == "__main__":
    main()
