"""How often the surface behind `predict` and `fit` holds optima that bend over sizes.

python -m tests.benchmarks.bent_optima tables|ladders [--bend B] [--count N] [--first SEED]

`tables` are those of `law_coverage`: learning rate and batch over parameters and tokens, an octave
grid at nine sizes, three beyond them. `ladders` are those of `surface_coverage` with octave grids:
four rungs of one hyperparameter, the target two octaves beyond. Optima depart from their law by B
octaves per squared octave (of compute, and of the width). Intervals at 90 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns
from mutransfer_cli.fit.forecast.target_surface import surface_at
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.response.response_surface import fit_response, interval
from tests.benchmarks.law_coverage import Array, bowl, simulated, world
from tests.benchmarks.synthetic_truths import Truth, grid

CONFIDENCE = 0.9
LARGEST = {"params": 4e8, "tokens": 1e10}  # sizes beyond these are held out
HELD_OUT = ((4.3e8, 8e9), (4.3e8, 2e10), (1e9, 2e10))


class Outcome(NamedTuple):
    """What an answer at a held-out size says against the truth.

    Attributes:
        inside: Whether each optimum is inside its interval.
        half_widths: Of these, in octaves.
        errors: Of the choice, in octaves.
        regret: True regret of the choice.
        promised: Upper end of the regret.
    """

    inside: Array
    half_widths: Array
    errors: Array
    regret: float
    promised: float


def of_table(seed: int, bend: float) -> Iterator[Outcome]:
    """The outcomes at the held-out sizes of a simulated table."""
    family = world(seed)
    table, truth = simulated(family, 1.0, 1.0, bend)
    kept = np.all([table[name] < largest for name, largest in LARGEST.items()], axis=0)
    names = ("params", "tokens", "lr", "batch", "loss")
    rows = zip(*(table.rows(kept)[name].tolist() for name in names), strict=True)
    observations = tuple(
        Observation(
            None, lr, 0, loss, further_sizes={"params": n, "tokens": d}, params={"batch": batch}
        )
        for n, d, lr, batch, loss in rows
    )
    runs = LadderRuns("simulated", observations, digest="")
    fitted = surface_at(runs, dict(zip(LARGEST, HELD_OUT[0], strict=True)), CONFIDENCE).surface
    order = [fitted.names.index(name) for name in ("lr", "batch")]
    for held_out in HELD_OUT:
        sizes, best = dict(zip(LARGEST, held_out, strict=True)), truth[held_out]
        setting = fitted.chosen_setting(sizes)
        promised = interval(fitted.regret_draws(setting, sizes), CONFIDENCE).high
        draws = fitted.optimum_draws(sizes)[:, order]
        z = np.log2(np.array(held_out) / np.array(list(LARGEST.values())))
        away = (setting[order] - best)[None]
        regret = float(np.expm1(np.exp(-0.03 * z.sum()) * bowl(family, away)[0]))
        yield compared(draws, best, setting[order], regret, promised)


@dataclass
class BentTruth(Truth):
    """A truth whose optimum departs from its line.

    Attributes:
        bend: Octaves per squared octave from the middle of the rungs.
    """

    bend: float = 0.0

    def optimum_at(self, size: float) -> Array:
        """The optimum at a size, in octaves, shape (p,)."""
        away = size - float(np.mean(self.sizes))
        return np.asarray(super().optimum_at(size) + self.bend * away**2)


def of_ladder(seed: int, bend: float) -> Iterator[Outcome]:
    """The outcome two octaves beyond a synthetic ladder."""
    truth = BentTruth(seed, bend=bend if seed % 2 else -bend)
    surface = fit_response(grid(truth))
    size = float(truth.sizes[-1]) + 2
    at = np.array([size])
    setting = surface.lowest_regret(at)
    promised = interval(surface.excess(setting, at), CONFIDENCE).high
    regret = float(truth.excess(setting, size)[0])
    yield compared(surface.at(at).optimum, truth.optimum_at(size), setting, regret, promised)


def compared(
    draws: Array, best: Array, setting: Array, regret: float, promised: float | None
) -> Outcome:
    """Hold an answer against the truth.

    Args:
        draws: Of the optimum, in octaves, shape (draws, p).
        best: The true one, shape (p,).
        setting: The choice, shape (p,).
        regret: Its true regret.
        promised: Upper end of its regret.
    """
    assert promised is not None
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    inside = (low <= best) & (best <= high)
    return Outcome(inside, (high - low) / 2, np.abs(setting - best), regret, promised)


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("tables", "ladders"))
    parser.add_argument("--bend", type=float, default=0.0)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--first", type=int, default=91000, help="first seed")
    given = parser.parse_args()
    of = of_table if given.what == "tables" else of_ladder
    seeds = range(given.first, given.first + given.count)
    outcomes = [outcome for seed in seeds for outcome in of(seed, given.bend)]
    inside, widths, errors = (
        np.concatenate(part) for part in ([o[i] for o in outcomes] for i in range(3))
    )
    regrets, promised = np.array([o.regret for o in outcomes]), [o.promised for o in outcomes]
    print(
        f"inside {np.mean(inside):.3f} of {len(inside)}; half-width {np.median(widths):.3f}, error "
        f"{np.median(errors):.3f} (medians); regret {100 * regrets.mean():.3f} % on average, at "
        f"most {100 * regrets.max():.2f} %; promised {100 * float(np.median(promised)):.3f} % "
        f"(median), kept {np.mean(regrets <= promised):.3f}"
    )


if __name__ == "__main__":
    main()
