"""Which proxies suffice: the cheapest sweep whose optimum costs at most the tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import floor, log2

import numpy as np

from mutransfer_cli.documents.quality import ProxyAdvice
from mutransfer_cli.fit.study.size_axes import SAME, SizeAxis, Sizes
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.target.support import extents, unknown_drift
from mutransfer_cli.fit.transfer.trial_cost import cost_rule
from mutransfer_cli.surface.response.response_surface import interval
from mutransfer_cli.surface.transfer.proxy_promise import (
    cheapest,
    promised_regret,
    standard_design,
)

MOST_SIZES = 400  # candidates; of more, every second size along each axis


def proxy_advice(fitted: StudySurface, target: Sizes, tolerance: float) -> tuple[ProxyAdvice, ...]:
    """Proxies by the cost of their sweep, each with a lower promise than all cheaper ones.

    Sizes along axes that no two rungs differ in are those of the rungs; where the target differs
    there, the optimum may move by as much as published exponents differ.

    Args:
        fitted: The surface of the ladder.
        target: The sizes of the target.
        tolerance: Largest relative extra loss that is wanted at the target.
    """
    study, surface = fitted.study, fitted.surface
    there = study.size(target)
    drift_sd = unknown_drift(extents(study.rungs, study.axes, target))
    design = standard_design(len(fitted.names))
    sizes = candidate_sizes(fitted, target)
    full = study.full(target)
    rule = cost_rule([*sizes, full])
    costs = [rule.cost(s) / rule.cost(full) for s in sizes]
    regrets = [
        interval(
            study.scale.relative(promised_regret(surface, study.size(s), there, design, drift_sd)),
            fitted.confidence,
        )
        for s in sizes
    ]
    promises = [float("inf") if r.high is None else r.high for r in regrets]
    best = cheapest(costs, promises, tolerance)
    kept, lowest = [], float("inf")
    for i in sorted(range(len(sizes)), key=lambda i: (costs[i], promises[i])):
        if promises[i] < lowest:
            lowest = promises[i]
            kept.append(
                ProxyAdvice(
                    sizes=dict(sizes[i]),
                    trials=design.trials,
                    cost=costs[i] * design.trials,
                    trial_cost=costs[i],
                    regret=regrets[i],
                    advised=i == best,
                )
            )
    return tuple(kept)


def candidate_sizes(fitted: StudySurface, target: Sizes) -> list[dict[str, float]]:
    """Sizes that a proxy could have: the target halved along each axis, down to the ladder's.

    Args:
        fitted: The surface of the ladder.
        target: The sizes of the target.
    """
    study = fitted.study
    full = study.full(target)
    for stride in (1, 2, 4):
        steps = [_halvings(axis, study.rungs, full, stride) for axis in study.axes]
        if np.prod([len(s) for s in steps]) <= MOST_SIZES:
            break
    found: list[dict[str, float]] = []
    for halvings in product(*steps):
        sizes = dict(fitted.largest)
        for axis, k in zip(study.axes, halvings, strict=True):
            sizes[axis.name] = float(max(1, round(full[axis.name] / 2**k)))
        for axis, k in zip(study.axes, halvings, strict=True):
            others = [f for f in axis.factors if f != axis.name]
            if others:  # training length is measured in examples
                examples = full[axis.name] * np.prod([full[f] for f in others]) / 2**k
                steps_there = examples / np.prod([sizes[f] for f in others])
                sizes[axis.name] = float(max(1, round(steps_there)))
        if sizes not in found and sizes != dict(full):
            found.append(sizes)
    return found


def _halvings(axis: SizeAxis, rungs: Sequence[Sizes], full: Sizes, stride: int) -> list[int]:
    """How often the target can be halved along an axis without leaving the ladder downward.

    Args:
        axis: The axis.
        rungs: Sizes of the ladder's rungs.
        full: All sizes of the target.
        stride: Every how many halvings a size is offered.
    """
    smallest = min(axis.position(rung) for rung in rungs)
    octaves = axis.position(full) - smallest
    at_least_one = log2(full[axis.name])
    return list(range(0, max(0, floor(min(octaves, at_least_one) + SAME)) + 1, stride))
