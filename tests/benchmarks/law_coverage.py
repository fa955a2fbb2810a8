"""How often the intervals of `law --form optimum`, `law --form chinchilla` and of
loss forecasts hold, on simulated runs.

python -m tests.benchmarks.law_coverage optimum --tables 60
python -m tests.benchmarks.law_coverage optimum --tables 60 --bend .02
python -m tests.benchmarks.law_coverage forecast --tables 250
python -m tests.benchmarks.law_coverage grids --tables 15
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mutransfer_cli.errors import Inconclusive
from mutransfer_cli.surface.laws.forms.chinchilla import CHINCHILLA
from mutransfer_cli.surface.laws.forms.optimum import OPTIMUM
from mutransfer_cli.surface.laws.law_form import LawOptions, LawTable
from mutransfer_cli.surface.laws.loss.loss_law import Beyond, LossLaw
from mutransfer_cli.surface.laws.loss.power_sum import fit_power_sum
from mutransfer_cli.surface.laws.loss_forecast import forecast_loss
from mutransfer_cli.surface.laws.optima.optimum_score import nearest_regret
from tests.helpers.law_tables import GRID_KINDS, best_of_grids

Array = npt.NDArray[np.float64]
PARAMS = (6e7, 1.2e8, 2.1e8, 4.3e8, 1e9)
TOKENS = (2e9, 4e9, 8e9, 2e10)
FITTED = 4e8  # parameters; larger sizes are held out
LEVEL = 0.9
KINDS = ("linex", "soft", "saturating", "quadratic")


class World(NamedTuple):
    """One simulated family of runs."""

    rng: np.random.Generator
    exponents: Array
    center: Array
    kind: str
    steepness: Array
    slant: float
    skew: float
    scatter: float
    noise: float


def world(seed: int) -> World:
    rng = np.random.default_rng(seed)
    lr = [-rng.uniform(0.2, 0.8), rng.uniform(0, 0.35)]
    batch = [rng.uniform(-0.1, 0.2), rng.uniform(0.2, 0.6)]
    return World(
        rng=rng,
        exponents=np.array([lr, batch]),
        center=np.array([-9 + rng.normal(), 8 + rng.normal()]),
        kind=str(rng.choice(KINDS)),
        steepness=np.array([rng.uniform(0.002, 0.012), rng.uniform(0.001, 0.008)]),
        slant=rng.uniform(0, 0.5),
        skew=max(rng.uniform(0, 0.8), 1e-3),
        scatter=float(rng.choice([0.0, 0.05, 0.1, 0.2])),
        noise=float(rng.choice([5e-4, 1e-3, 3e-3])),
    )


def bowl(w: World, u: Array) -> Array:
    """Log loss above the optimum's; entangled, and none of these forms is the fitted one."""
    x, y = u[:, 0] - w.slant * u[:, 1], u[:, 1] + 0.15 * u[:, 0]
    along = {
        "linex": lambda: 2 * (np.exp(np.minimum(w.skew * x, 8)) - 1 - w.skew * x) / w.skew**2,
        "soft": lambda: 3 * (np.sqrt(1 + x**2) - 1),
        "saturating": lambda: np.where(x > 0, x**2 * (1 + 0.4 * x), 6 * (1 - np.exp(-(x**2) / 6))),
        "quadratic": lambda: x**2,
    }[w.kind]()
    across = 2 * (np.exp(0.3 * y) - 1 - 0.3 * y) / 0.09
    return np.asarray(w.steepness[0] * along + w.steepness[1] * across)


def simulated(
    w: World, lr_step: float, batch_step: float, bend: float = 0.0
) -> tuple[LawTable, dict[tuple[float, float], Array]]:
    """A grid of runs at every size, a tenth of them missing, and the true optima in octaves.

    Args:
        w: The family.
        lr_step: Octaves between learning rates.
        batch_step: Octaves between batches.
        bend: By how much the optima depart from a power law, octaves per squared octave of compute.
    """
    signs = w.rng.choice([-1, 1], 2) if bend else np.zeros(2)
    grid = np.array([(a, b) for a in np.arange(-14, -5.9, lr_step)
                     for b in np.arange(5, 11.1, batch_step)])  # fmt: skip
    rows, truth = [], {}
    for n in PARAMS:
        for d in TOKENS:
            z = np.log2([n / 4e8, d / 1e10])
            bent = bend * signs * z.sum() ** 2
            best = w.center + w.exponents @ z + bent + w.scatter * w.rng.normal(size=2)
            rise = np.exp(0.15 * w.rng.normal() - 0.03 * z.sum()) * bowl(w, grid - best)
            level = np.log(1.7 + 480 * n**-0.35 + 2000 * d**-0.37)
            kept = (rise < 0.7) & (w.rng.random(len(grid)) > 0.1)
            noise = w.noise * w.rng.normal(size=int(kept.sum()))
            rows += [
                (n, d, 2.0**a, 2.0**b, y)
                for (a, b), y in zip(grid[kept], np.exp(level + rise[kept] + noise), strict=True)
            ]
            truth[n, d] = best
    names = ("params", "tokens", "lr", "batch", "loss")
    columns = dict(zip(names, np.array(rows).T, strict=True))
    return LawTable(columns, ("params", "tokens"), ("lr", "batch")), truth


def optimum(tables: int, first: int, bend: float) -> None:
    """Fit the sizes below 4e8 parameters, predict the others; the laws may bend."""
    inside, errors, widths = defaultdict(list), defaultdict(list), defaultdict(list)
    regrets, oracle, small, answered = [], [], [], 0
    for seed in range(first, first + tables):
        steps = ((0.5, 1.0), (1.0, 1.0), (1.0, 2.0))[seed % 3]
        table, truth = simulated(world(seed), *steps, bend)
        fitted = table.rows(table["params"] < FITTED)
        try:
            law = OPTIMUM.fit(fitted, LawOptions(confidence=LEVEL))
        except Inconclusive:
            continue
        answered += 1
        own = fitted["params"] == PARAMS[0]
        start = np.argmin(np.where(own, fitted["loss"], np.inf))
        first_best = np.log2([fitted["lr"][start], fitted["batch"][start]])
        for (n, d), best in truth.items():
            if n < FITTED:
                continue
            predicted = law.predict({"params": n, "tokens": d})
            rows = (table["params"] == n) & (table["tokens"] == d)
            settings = np.log2(np.stack([table["lr"][rows], table["batch"][rows]], axis=1))
            at = np.log2([predicted[name].value for name in ("lr", "batch")])
            for setting, into in ((at, regrets), (best, oracle), (first_best, small)):
                into.append(nearest_regret(settings, table["loss"][rows], setting))
            for j, name in enumerate(("lr", "batch")):
                bound = predicted[name]
                assert bound.low is not None and bound.high is not None
                inside[name, n].append(bound.low <= 2.0 ** best[j] <= bound.high)
                errors[name, n].append(abs(at[j] - best[j]))
                widths[name, n].append(np.log2(bound.high / bound.low) / 2)
    print(f"{answered} of {tables} tables answered; {LEVEL:.0%} intervals")
    for name, n in inside:
        print(
            f"{name:6s} at {n:.2g} params: inside {np.mean(inside[name, n]):.3f}, error median "
            f"{np.median(errors[name, n]):.3f}, half-width median {np.median(widths[name, n]):.3f}"
        )
    for label, values in (("law", regrets), ("true optimum", oracle), ("smallest size", small)):
        print(f"regret of the {label}: mean {np.mean(values):.3%}, 90th percentile "
              f"{np.percentile(values, 90):.3%}, largest {np.max(values):.3%}")  # fmt: skip


def forecast(tables: int, first: int) -> None:
    """Forecast the loss one and two octaves beyond three to five rungs."""
    for second in (False, True):
        for beyond in (1, 2):
            inside, errors, widths = [], [], []
            for seed in range(first, first + tables):
                rng = np.random.default_rng([seed, second, beyond])
                rungs, floor = int(rng.integers(3, 6)), rng.uniform(1.5, 3)
                factor, alpha = rng.uniform(0.5, 1.5), rng.uniform(0.25, 0.7)
                noise = 10 ** rng.uniform(np.log10(5e-4), np.log10(6e-3))
                share, faster = second * rng.uniform(0.2, 1), alpha * rng.uniform(1.5, 3)
                z = np.arange(rungs + beyond, dtype=float)
                truth = floor + factor * (2.0 ** (-alpha * z) + share * 2.0 ** (-faster * z))
                seen = truth[:rungs] * (1 + noise * rng.standard_normal(rungs))
                loss = forecast_loss(seen, noise * seen, z[:rungs, None], z[-1:], LEVEL).loss
                assert loss.low is not None and loss.high is not None
                inside.append(loss.low <= truth[-1] <= loss.high)
                errors.append(abs(loss.value / truth[-1] - 1))
                widths.append((loss.high - loss.low) / 2 / truth[-1])
            print(
                f"{'two terms' if second else 'one term'}, {beyond} octaves on: inside "
                f"{np.mean(inside):.3f}, error median {np.median(errors):.2%}, half-width median "
                f"{np.median(widths):.2%}"
            )


def grids(tables: int, first: int) -> None:
    """Fit the best run of each size below 4e8 parameters, predict that of the others."""
    options = LawOptions(confidence=LEVEL, resamples=300)
    every = np.zeros(2)
    for kind in GRID_KINDS:
        inside, alone, errors, widths = [], [], [], []
        for seed in range(first, first + tables):
            table = best_of_grids(kind, seed)
            held = table["params"] >= FITTED
            law = CHINCHILLA.fit(table.rows(~held), options)
            for sizes in records(table.rows(held)):
                loss = law.predict(sizes)["loss"]
                assert loss.low is not None and loss.high is not None
                inside.append(loss.low <= sizes["loss"] <= loss.high)
                errors.append(abs(loss.value / sizes["loss"] - 1))
                widths.append((loss.high - loss.low) / 2 / sizes["loss"])
            score = resamples_alone(law).score(table.rows(held))
            alone.append(score.inside)
        every += np.mean(inside), np.sum(alone) / len(inside)
        print(
            f"{kind}: inside {np.mean(inside):.3f} of {len(inside)}, by resamples alone "
            f"{np.sum(alone) / len(inside):.3f}; error median {np.median(errors):.2%}, half-width "
            f"median {np.median(widths):.2%}"
        )
    print(f"all kinds: {every[0] / len(GRID_KINDS):.3f}, {every[1] / len(GRID_KINDS):.3f}")


def records(table: LawTable) -> list[dict[str, float]]:
    """Its rows."""
    return [
        dict(zip(table.columns, map(float, row), strict=True))
        for row in zip(*table.columns.values(), strict=True)
    ]


def resamples_alone(law: LossLaw) -> LossLaw:
    """A law whose predictions come from a bootstrap of its residuals."""
    table = law.table
    sizes = np.stack([table.logs(name) for name in table.sizes], axis=1)
    return replace(law, fitted=fit_power_sum(sizes, table.logs("loss"), law.options),
                   beyond=Beyond())  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("optimum", "forecast", "grids"))
    parser.add_argument("--tables", type=int, default=60)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--bend", type=float, default=0.0, help="of laws of optima")
    arguments = parser.parse_args()
    if arguments.what == "optimum":
        optimum(arguments.tables, arguments.first, arguments.bend)
    else:
        {"forecast": forecast, "grids": grids}[arguments.what](arguments.tables, arguments.first)
