"""Whether models of all widths and seeds learn the same predictions and representations."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.agreement import (
    CKA,
    Key,
    Learned,
    agreement_tables,
    growth_per_doubling,
    jackknife,
    pair_mean,
    relative_agreement,
)
from mutransfer_cli.probes.estimates.seed_intervals import banded
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult, without_largest
from mutransfer_cli.probes.subject.layer_outputs import layer_outputs, model_output, rows
from mutransfer_cli.probes.subject.proxies import Proxies
from mutransfer_cli.probes.subject.time_plan import fitting, seeds_and_sizes
from mutransfer_cli.probes.subject.trainee import Trainee, finite_loss
from mutransfer_cli.recipe.size import Size

ROWS = 256  # examples, or tokens, that are compared
BATCHES = 8
FEWEST_WIDTHS, FEWEST_SEEDS, MOST_SEEDS = 2, 3, 12
ENOUGH_SEEDS = 6  # where they decide; looking more often would make intervals too narrow
SEEDS = "agreement of seeds"
SAME = 0.9  # of what seeds let one expect
SAME_ADVICE = "tune at the smallest width: it learns the solution that the largest learns"
UNDECIDED_ADVICE = f"more seeds decide it, up to {MOST_SEEDS}: give it more time (--minutes)"
EXHAUSTED_ADVICE = "train longer or with a larger batch: seeds that are more alike can decide it"
LONGER_ADVICE = "train longer (base.steps of a recipe), until two seeds of one width learn the same"
METHOD = (
    "debiased linear CKA (arXiv 1905.00414) and shared nearest neighbours (2405.07987) of the last "
    "layer before the readout, and agreement of predictions, on examples that were not trained on, "
    "between different seeds; across widths divided by the geometric mean within the two widths, "
    "which is 1 where they differ by seeds alone (derived); jackknife intervals over seeds"
)


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
    plan = fitting(
        proxies,
        request.seed,
        request.left,
        seeds_and_sizes(sizes, proxies.base.steps, FEWEST_SEEDS, FEWEST_SEEDS, FEWEST_WIDTHS),
        measuring=BATCHES,
    )
    largest = sizes[-1]
    (sizes, _), proxies = plan.what, replace(proxies, train=plan.train)
    learned: dict[Key, Learned] = {}
    batches: list[Any] = []
    notes: dict[str, None] = dict.fromkeys(plan.notes)
    seeds: list[int] = []
    longest = at_largest = comparing = 0.0
    widths = [s.width for s in sizes]
    for seed in range(request.seed, request.seed + MOST_SEEDS):
        if len(seeds) >= FEWEST_SEEDS and not request.has_time_for(longest + 4 * comparing):
            break
        if len(seeds) == ENOUGH_SEEDS:
            begun = time.perf_counter()
            if compared(learned, widths, seeds, request.confidence, ()).verdict != "inconclusive":
                break
            comparing = time.perf_counter() - begun  # of twice the seeds, four times as many pairs
        started = time.perf_counter()
        for size in sizes:
            begun = time.perf_counter()
            trainee = proxies.train(size, seed, {})
            notes.update(dict.fromkeys(trainee.notes))
            batches = batches or trainee.unseen(BATCHES)
            learned[(size.width, seed)] = what_is_learned(trainee, batches)
        at_largest += time.perf_counter() - begun
        seeds.append(seed)
        longest = max(longest, time.perf_counter() - started)
    own = {seed: learned[(sizes[-1].width, seed)] for seed in seeds[:ENOUGH_SEEDS]}
    others: list[Measure] = []
    if not plan.notes:  # else there is no time for them either
        others = _other_parameterizations(request, sizes[-1], own, batches, notes, at_largest)
    result = compared(learned, widths, seeds, request.confidence, tuple(notes))
    result = replace(result, measures=(*result.measures, *others))
    if result.advice == UNDECIDED_ADVICE and len(seeds) == MOST_SEEDS:
        result = replace(result, advice=EXHAUSTED_ADVICE)
    return result if largest == sizes[-1] else without_largest(result, largest.width)


def _other_parameterizations(
    request: ProbeRequest,
    size: Size,
    own: Mapping[int, Learned],
    batches: Sequence[Any],
    notes: dict[str, None],
    longest: float,
) -> list[Measure]:
    """Agreement of the largest width with itself under other parameterizations, while time lasts.

    Rates, inits and multipliers there are those that the other rules give; at the base, where all
    factors are 1, nothing would differ.

    Args:
        request: What is measured.
        size: The largest width.
        own: What it has learned under its own parameterization, by seed.
        batches: The examples that are compared.
        notes: Receives why a parameterization is left out.
        longest: Seconds that the runs of a parameterization take.
    """
    proxies, measures = request.measured, list[Measure]()
    if proxies.under is None or size == proxies.base:
        return []
    for name in PARAMETERIZATIONS.names:
        if name == proxies.parameterization:
            continue
        if not request.has_time_for(longest):
            notes[f"parameterization {name}: no time left"] = None
            continue
        started = time.perf_counter()
        try:
            other = _learned_by_seed(proxies.under(name), size, list(own), batches)
        except InputError as error:
            notes[f"parameterization {name} is left out: {error.message}"] = None
            continue
        longest = max(longest, time.perf_counter() - started)
        both = {(0, s): v for s, v in own.items()} | {(1, s): v for s, v in other.items()}
        for measure, table in agreement_tables(both).items():
            ratio = jackknife(
                partial(relative_agreement, table, 0, 1), list(own), request.confidence
            )
            measures.append(
                Measure(
                    name=f"{measure} across parameterizations",
                    at={"width": size.width, "with": name},
                    estimate=ratio,
                    expected=1.0,
                )
            )
    return measures


def _learned_by_seed(
    proxies: Proxies, size: Size, seeds: Sequence[int], batches: Sequence[Any]
) -> dict[int, Learned]:
    return {seed: what_is_learned(proxies.train(size, seed, {}), batches) for seed in seeds}


def what_is_learned(trainee: Trainee, batches: Sequence[Any]) -> Learned:
    """Train to the end; the last representations and the predictions of some examples.

    Args:
        trainee: What to train.
        batches: The examples.

    Raises:
        InputError: A loss is not finite, or the model has no layer before its readout.
    """
    for step in range(trainee.steps):
        finite_loss(trainee.step(step), step)
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
    tables = agreement_tables(learned)
    largest = widths[-1]
    measures, ratios, series = [], {}, []
    for name, table in tables.items():
        within = [jackknife(partial(pair_mean, table, w, w), seeds, confidence) for w in widths]
        for w, own in zip(widths, within, strict=True):
            measures.append(Measure(name=f"{name} of seeds", at={"width": w}, estimate=own))
        x = tuple(float(w) for w in widths)
        curve = Series(name=name, panel=SEEDS, x_name="width", y_name="agreement", x=x, y=())
        series.append(banded(curve, within))
        growth = jackknife(partial(growth_per_doubling, table, widths), seeds, confidence)
        measures.append(
            Measure(name=f"growth of {name} per doubling of the width", estimate=growth)
        )
        for w in widths[:-1]:
            ratio = jackknife(partial(relative_agreement, table, w, largest), seeds, confidence)
            place: dict[str, int | float | str] = {"width": w, "with": largest}
            measures.append(
                Measure(name=f"{name} across widths", at=place, estimate=ratio, expected=1.0)
            )
            if name == CKA:
                ratios[w] = ratio
    verdict, reason, advice = _verdict(ratios, largest)
    return ProbeResult(verdict, reason, tuple(measures), METHOD, tuple(series), advice, notes)


def _verdict(ratios: Mapping[int, Interval], largest: int) -> tuple[Verdict, str, str | None]:
    """Whether every width has learned what the largest has, up to seeds."""
    worst = min(ratios, key=lambda w: ratios[w].value)
    value = ratios[worst]
    text = (
        f"the similarity (CKA) of widths {worst} and {largest} is {value} of what their seeds let "
        "one expect"
    )
    if value.low is None or value.high is None or value.value != value.value:
        return "inconclusive", f"seeds do not agree with each other at all: {text}", LONGER_ADVICE
    if value.low >= SAME:
        return "pass", f"all widths learn the same: {text}", SAME_ADVICE
    if value.high < SAME:
        advice = f"do not tune at width {worst} (leave it out), or run `mutransfer check`"
        return "fail", f"width {worst} learns something else: {text}", advice
    return "inconclusive", f"not decided: {text}", UNDECIDED_ADVICE
