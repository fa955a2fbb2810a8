"""Whether models of all widths and seeds learn the same predictions and representations."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from math import log2
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.similarity import debiased_cka, shared_neighbors
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult
from mutransfer_cli.probes.subject.layer_outputs import layer_outputs, model_output, rows
from mutransfer_cli.probes.subject.trainee import Trainee

ROWS = 256  # examples, or tokens, that are compared
BATCHES = 8
FEWEST_WIDTHS, FEWEST_SEEDS, MOST_SEEDS = 2, 3, 4
SAME = 0.9  # of what seeds let one expect
METHOD = (
    "debiased linear CKA (arXiv 1905.00414) and shared nearest neighbours (2405.07987) of the last "
    "layer before the readout, and agreement of predictions, on examples that were not trained on, "
    "between different seeds; across widths divided by the geometric mean within the two widths, "
    "which is 1 where they differ by seeds alone (derived); jackknife intervals over seeds"
)
CKA, NEIGHBORS, PREDICTIONS = "CKA", "shared neighbours", "agreement of predictions"
Array = NDArray[np.float64]
Learned = tuple[Array, Array]  # representations and predictions (rows, …)
Key = tuple[int, int]  # width, seed
Tables = dict[str, dict[tuple[Key, Key], float]]  # by measure and pair


def probe_universality(request: ProbeRequest) -> ProbeResult:
    """Train every width with several seeds, and compare what they have learned.

    Args:
        request: What to measure.

    Raises:
        InputError: There are fewer than two widths, or a loss is not finite.
    """
    proxies = request.measured
    sizes = proxies.widths
    if len(sizes) < FEWEST_WIDTHS:
        raise InputError(
            f"probe universality: needs at least {FEWEST_WIDTHS} widths, found {len(sizes)}; "
            "add widths to the ladder"
        )
    learned: dict[Key, Learned] = {}
    batches: list[Any] = []
    notes: dict[str, None] = {}
    seeds: list[int] = []
    longest = 0.0
    for seed in range(request.seed, request.seed + MOST_SEEDS):
        if len(seeds) >= FEWEST_SEEDS and not request.has_time_for(longest):
            break
        started = time.perf_counter()
        for size in sizes:
            trainee = proxies.train(size, seed, {})
            notes.update(dict.fromkeys(trainee.notes))
            batches = batches or trainee.unseen(BATCHES)
            learned[(size.width, seed)] = what_is_learned(trainee, batches)
        seeds.append(seed)
        longest = max(longest, time.perf_counter() - started)
    return compared(learned, [s.width for s in sizes], seeds, request.confidence, tuple(notes))


def what_is_learned(trainee: Trainee, batches: Sequence[Any]) -> Learned:
    """Train to the end; the last representations and the predictions of some examples.

    Args:
        trainee: What to train.
        batches: The examples.

    Raises:
        InputError: A loss is not finite, or the model has no layer before its readout.
    """
    for step in range(trainee.steps):
        loss = trainee.step(step)
        if not loss - loss == 0:
            raise InputError(f"the loss is not finite at step {step + 1}: {loss}")
    features, predictions = [], []
    for batch in batches:
        layers = list(layer_outputs(trainee, batch).values())
        if not layers:
            raise InputError("the model has no layer before its readout")
        output = model_output(trainee, batch)
        features.append(rows(layers[-1]))
        predictions.append(rows(layers[-1] if output is None else output))
        if sum(map(len, features)) >= ROWS:
            break
    return np.concatenate(features)[:ROWS], np.concatenate(predictions)[:ROWS]


def compared(
    learned: Mapping[Key, Learned],
    widths: Sequence[int],
    seeds: Sequence[int],
    confidence: float,
    notes: tuple[str, ...] = (),
) -> ProbeResult:
    """Compare what all widths and seeds have learned.

    Args:
        learned: Representations and predictions by width and seed.
        widths: The widths, small to large.
        seeds: Three seeds or more, each of every width.
        confidence: Of the intervals.
        notes: What else to say.
    """
    tables: Tables = {CKA: {}, NEIGHBORS: {}, PREDICTIONS: {}}
    for a, b in product(learned, learned):
        if a[1] < b[1]:
            (x, p), (y, q) = learned[a], learned[b]
            tables[CKA][(a, b)] = debiased_cka(x, y)
            tables[NEIGHBORS][(a, b)] = shared_neighbors(x, y)
            tables[PREDICTIONS][(a, b)] = _agreement(p, q)
    largest = widths[-1]
    measures, ratios = [], {}
    for name, table in tables.items():
        for w in widths:
            within = _jackknife(partial(_mean, table, w, w), seeds, confidence)
            measures.append(Measure(name=f"{name} of seeds", at={"width": w}, estimate=within))
        growth = _jackknife(partial(_growth, table, widths), seeds, confidence)
        measures.append(
            Measure(name=f"growth of {name} per doubling of the width", estimate=growth)
        )
        for w in widths[:-1]:
            ratio = _jackknife(partial(_ratio, table, w, largest), seeds, confidence)
            place: dict[str, int | float | str] = {"width": w, "with": largest}
            measures.append(
                Measure(name=f"{name} across widths", at=place, estimate=ratio, expected=1.0)
            )
            if name == CKA:
                ratios[w] = ratio
    verdict, reason, advice = _verdict(ratios, largest)
    series = tuple(
        Series(
            name=name,
            panel="agreement of seeds",
            x_name="width",
            y_name="agreement",
            x=tuple(float(w) for w in widths),
            y=tuple(_mean(table, w, w, seeds) for w in widths),
        )
        for name, table in tables.items()
    )
    return ProbeResult(verdict, reason, tuple(measures), METHOD, series, advice, notes)


def _agreement(p: Array, q: Array) -> float:
    """Share of examples with the same largest output; correlation where there is one output."""
    if p.shape[1] > 1:
        return float((p.argmax(1) == q.argmax(1)).mean())
    return float(np.corrcoef(p.ravel(), q.ravel())[0, 1])


def _mean(
    table: Mapping[tuple[Key, Key], float], first: int, second: int, seeds: Sequence[int]
) -> float:
    """The mean over pairs of different seeds, of one width each."""
    values = [
        value
        for (a, b), value in table.items()
        if {a[1], b[1]} <= set(seeds) and (a[0], b[0]) in ((first, second), (second, first))
    ]
    return float(np.mean(values))


def _ratio(
    table: Mapping[tuple[Key, Key], float], first: int, second: int, seeds: Sequence[int]
) -> float:
    within = _mean(table, first, first, seeds) * _mean(table, second, second, seeds)
    return _mean(table, first, second, seeds) / within**0.5 if within > 0 else float("nan")


def _growth(
    table: Mapping[tuple[Key, Key], float], widths: Sequence[int], seeds: Sequence[int]
) -> float:
    values = [_mean(table, w, w, seeds) for w in widths]
    return float(np.polyfit([log2(w) for w in widths], values, 1)[0])


def _jackknife(
    statistic: Callable[[Sequence[int]], float], seeds: Sequence[int], confidence: float
) -> Interval:
    value = statistic(seeds)
    parts = np.array([statistic([s for s in seeds if s != left]) for left in seeds])
    n = len(seeds)
    error = float(np.sqrt((n - 1) / n * ((parts - parts.mean()) ** 2).sum()))
    reach = float(t.ppf((1 + confidence) / 2, n - 1)) * error
    return Interval(value=value, low=value - reach, high=value + reach)


def _verdict(ratios: Mapping[int, Interval], largest: int) -> tuple[Verdict, str, str | None]:
    """Whether every width has learned what the largest has, up to seeds."""
    worst = min(ratios, key=lambda w: ratios[w].value)
    value = ratios[worst]
    text = f"CKA of width {worst} with {largest} is {value} of what their seeds let one expect"
    if value.low is None or value.high is None or value.value != value.value:
        return "inconclusive", f"seeds do not agree with each other at all: {text}", "train longer"
    if value.low >= SAME:
        return "pass", f"all widths learn the same: {text}", None
    if value.high < SAME:
        advice = f"leave width {worst} out of the ladder, or run `mutransfer check`"
        return "fail", f"width {worst} learns something else: {text}", advice
    return "inconclusive", f"not decided: {text}", "more seeds or training would decide (--minutes)"
