"""How often predictions at a target two octaves beyond the ladder hold, on synthetic truths.

python -m tests.benchmarks.prediction_coverage [TRUTHS [FIRST_SEED [HYPERPARAMETERS]]]

Each truth has four rungs an octave apart. Designs: an octave grid with two seeds, a half-octave
grid with one, and 32, 40 or 50 Sobol points a rung for more hyperparameters; HYPERPARAMETERS
limits them to those with so many. `predict` sees the runs and names optimum, regret of its choice
and loss of one run at the target, at 90 %. The truth knows all three. Shares have their 95 %
binomial interval beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log2

import numpy as np
from scipy.stats import beta

from mutransfer_cli.documents.predict import PredictDocument
from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns
from mutransfer_cli.fit.forecast.prediction import predict
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.response.runs import Runs
from tests.benchmarks.given_words import given_words
from tests.benchmarks.synthetic_truths import Truth, grid, sobol

CONFIDENCE = 0.90
BEYOND = 2.0  # octaves
TRUTHS = 200
TARGET_SEED = 99

DESIGNS: dict[str, tuple[int, Callable[[Truth], Runs]]] = {
    "1, octave grid, 2 seeds": (1, lambda truth: grid(truth)),
    "1, half octaves, 1 seed": (1, lambda truth: grid(truth, step=0.5, seeds=1, half=6)),
    "2, 32 Sobol points": (2, lambda truth: sobol(truth, points=32)),
    "3, 40 Sobol points": (3, lambda truth: sobol(truth, points=40)),
    "4, 50 Sobol points": (4, lambda truth: sobol(truth, points=50)),
}


@dataclass(frozen=True)
class Outcome:
    """A prediction against its truth.

    Attributes:
        kind: The kind of curve of the first hyperparameter.
        inside: Whether each hyperparameter's optimum is inside.
        half_widths: Half the width of these intervals, in octaves.
        errors: Distance of the choice from the optimum, in octaves.
        regret: True regret of the choice.
        promised: Upper end of the predicted regret.
        loss_inside: Whether the loss of one run at the choice is inside.
        loss_error: Its relative error.
        loss_half_width: Half the width of the interval, relative to the loss.
    """

    kind: str
    inside: list[bool]
    half_widths: list[float]
    errors: list[float]
    regret: float
    promised: float
    loss_inside: bool
    loss_error: float
    loss_half_width: float


def observations(runs: Runs) -> tuple[Observation, ...]:
    """Runs of a truth as a sweep would have them: width 2^z, hyperparameters 2^h."""
    names = hyperparameters(runs.hyperparameters)
    result = []
    for h, z, seed, loss in zip(runs.settings, runs.sizes, runs.seeds, runs.losses, strict=True):
        values = dict(zip(names, np.exp2(h).tolist(), strict=True))
        result.append(
            Observation(
                width=round(2.0 ** float(z[0])),
                lr=values.pop("lr"),
                seed=int(seed),
                loss=None if np.isnan(loss) else float(np.exp(loss)),
                params=values,
            )
        )
    return tuple(result)


def hyperparameters(count: int) -> list[str]:
    """Names of the hyperparameters."""
    return ["lr", *(f"h{j}" for j in range(1, count))]


def outcome(seed: int, count: int, design: Callable[[Truth], Runs]) -> Outcome:
    """Predict the target of a truth.

    Args:
        seed: Seed of the truth.
        count: Number of hyperparameters.
        design: The runs.
    """
    truth = Truth(seed, hyperparameters=count)
    runs = LadderRuns("synthetic", observations(design(truth)), digest="")
    size = float(truth.sizes[-1]) + BEYOND
    found = predict(runs, {"width": 2.0**size}, confidence=CONFIDENCE)
    best, names = truth.optimum_at(size), hyperparameters(count)
    setting = np.array([[log2(found.optimum[name].value) for name in names]])
    bounds = [bounds_of(found, name) for name in names]
    loss = float(truth.losses(setting, size, TARGET_SEED)[0])
    forecast = found.loss
    assert forecast is not None and forecast.low is not None and forecast.high is not None
    assert found.regret is not None and found.regret.high is not None
    return Outcome(
        kind=truth.kinds[0].name,
        inside=[low <= x <= high for x, (low, high) in zip(best, bounds, strict=True)],
        half_widths=[(high - low) / 2 for low, high in bounds],
        errors=np.abs(setting[0] - best).tolist(),
        regret=float(np.expm1(truth.excess(setting, size)[0])),
        promised=found.regret.high,
        loss_inside=bool(forecast.low <= loss <= forecast.high),  # false where it diverged
        loss_error=abs(loss / forecast.value - 1),
        loss_half_width=(forecast.high - forecast.low) / 2 / forecast.value,
    )


def bounds_of(document: PredictDocument, name: str) -> tuple[float, float]:
    """The bounds of an optimum in octaves."""
    optimum = document.optimum[name]
    assert optimum.low is not None and optimum.high is not None
    return log2(optimum.low), log2(optimum.high)


def share(right: Sequence[bool]) -> str:
    """A share with its binomial interval (Clopper and Pearson 1934)."""
    k, n = sum(right), len(right)
    low = beta.ppf(0.025, k, n - k + 1) if k else 0.0
    high = beta.ppf(0.975, k + 1, n - k) if k < n else 1.0
    return f"{k / n:.3f} ({low:.2f}-{high:.2f})"


def row(label: str, outcomes: Sequence[Outcome]) -> str:
    """One line of the table."""
    inside = [x for o in outcomes for x in o.inside]
    widths = [x for o in outcomes for x in o.half_widths]
    errors = [x for o in outcomes for x in o.errors]
    cells = [
        label,
        str(len(outcomes)),
        share(inside),
        f"{np.median(widths):.2f}",
        f"{np.median(errors):.2f} / {np.quantile(errors, 0.95):.2f}",
        share([o.regret <= o.promised for o in outcomes]),
        f"{100 * float(np.median([o.promised for o in outcomes])):.2f}",
        f"{100 * float(np.mean([o.regret for o in outcomes])):.3f}",
        share([o.loss_inside for o in outcomes]),
        f"{100 * float(np.median([o.loss_half_width for o in outcomes])):.2f}",
        f"{100 * float(np.nanmedian([o.loss_error for o in outcomes])):.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


HEADER = (
    "| hyperparameters, design | truths | optimum inside | half-width, octaves | error, median / "
    "95 % | regret below the promise | promise, median % | regret, mean % | loss inside | "
    "half-width % | error, median % |\n" + "| --- " * 11 + "|"
)


def main(arguments: Sequence[str]) -> None:
    """Print the table by design, and by kind of curve for one hyperparameter."""
    truths = int(arguments[0]) if arguments else TRUTHS
    first = int(arguments[1]) if len(arguments) > 1 else 0
    only = int(arguments[2]) if len(arguments) > 2 else None
    print(HEADER, flush=True)
    by_kind: dict[str, list[Outcome]] = {}
    for label, (count, design) in DESIGNS.items():
        if only not in (None, count):
            continue
        outcomes = [outcome(first + i, count, design) for i in range(truths)]
        print(row(label, outcomes), flush=True)
        if count == 1:
            for each in outcomes:
                by_kind.setdefault(each.kind, []).append(each)
    for kind, outcomes in sorted(by_kind.items()):
        print(row(kind, outcomes), flush=True)


if __name__ == "__main__":
    main(given_words(__doc__))
