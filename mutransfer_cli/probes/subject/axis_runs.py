"""The sizes and step sizes that the limits of a ladder are read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mutransfer_cli.probes.subject.proxies import Proxies
from mutransfer_cli.probes.subject.time_plan import Option
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.surface.limits import FEWEST_SIZES

FINER = (1, 2, 4)  # steps of 1/1, 1/2 and 1/4 the size, over the same training time
STEP = "step size"
AxisRuns = dict[str, list[tuple[float, Size, Mapping[str, float]]]]


def axis_runs(proxies: Proxies) -> AxisRuns:
    """Coordinate, size and hyperparameters of the runs along every axis with enough sizes.

    Args:
        proxies: What is trained.
    """
    base = proxies.base
    runs: AxisRuns = {
        STEP: [(float(k), replace(base, steps=k * base.steps), _finer(proxies, k)) for k in FINER]
    }
    for axis in ("width", "depth"):
        rest = base.as_dict() | {axis: 0}
        sizes = [s for s in proxies.sizes if s.as_dict() | {axis: 0} == rest]
        if len(sizes) >= FEWEST_SIZES:
            runs[axis] = [(float(getattr(s, axis)), s, {}) for s in sizes]
    return runs


def _finer(proxies: Proxies, k: int) -> dict[str, float]:
    """Hyperparameters of steps that are k times smaller, over k times as many of them."""
    if k == 1:
        return {}
    return {"lr": proxies.learning_rate / k, "base.steps": k * proxies.base.steps}


def reduced(runs: AxisRuns, base: Size, seeds: int) -> list[Option[AxisRuns]]:
    """All runs, then without the largest sizes, then without depth, then without width.

    Args:
        runs: The runs of every axis.
        base: The base, which stays.
        seeds: Number of seeds of each run.
    """
    options = [_option(runs, "", seeds)]
    fewer: AxisRuns = {}
    for axis, points in runs.items():
        kept = sorted(points, key=lambda p: (p[1] != base, p[0]))[:FEWEST_SIZES]
        fewer[axis] = [p for p in points if p in kept]
    if fewer != runs:
        options.append(_option(fewer, "the largest sizes", seeds))
    for axis in ("depth", "width"):
        if axis in fewer:
            fewer = {name: points for name, points in fewer.items() if name != axis}
            options.append(_option(fewer, f"more than the axes {', '.join(fewer)}", seeds))
    return options


def _option(runs: AxisRuns, dropped: str, seeds: int) -> Option[AxisRuns]:
    sizes = dict.fromkeys(size for points in runs.values() for _, size, _ in points)
    once = [(size, size.steps) for size in sizes]
    return Option(runs, once * seeds, f"no time for {dropped}" if dropped else "")
