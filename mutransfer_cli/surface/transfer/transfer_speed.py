"""Whether a transfer is fast: its suboptimality shrinks faster than the finite-size gap.

Ghosh, Wu and Bietti (arXiv 2512.22768) call a transfer fast when the loss that the optimum of size
n costs at large sizes vanishes faster than the loss still gained by growing from n. For rungs n and
n' one after the other,

    c_n = loss(n'; h*_n) - loss(n'; h*_n')  per octave squared,  c ~ n^-gamma
    g_n = L(n) - L(n')                      per octave,          g ~ n^-alpha

and the transfer is fast where gamma > alpha. For optima that approach a limit and losses that
approach a floor by power laws, both have the exponents of their limits (derived: differences of
c n^-beta are again of order n^-beta). Losses are in units of the fit: relative to the loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.response.response_surface import ResponseSurface, interval
from mutransfer_cli.surface.response.runs import Array
from mutransfer_cli.surface.transfer.ladder_path import ladder_path, slopes

SMALLEST = 1e-9  # of a loss difference, so that its logarithm exists
NEGLIGIBLE = 0.05  # of the gap: a suboptimality this small need not be seen to shrink (assumption)


@dataclass(frozen=True)
class Speed:
    """How fast the cost of transferring shrinks with size.

    Attributes:
        fast: Whether faster than the finite-size gap; None where the runs do not show it.
        reason: Why.
        suboptimality: gamma, the exponent of what transferring costs; None with two rungs.
        gap: alpha, the exponent of what growing gains; None with two rungs.
        ratio: Cost relative to gain over the last step of the ladder; None with one rung.
    """

    fast: bool | None
    reason: str
    suboptimality: Interval | None = None
    gap: Interval | None = None
    ratio: Interval | None = None


def transfer_speed(surface: ResponseSurface, order: Sequence[int], confidence: float) -> Speed:
    """Compare what transferring costs with what growing gains, from each rung to the next.

    Args:
        surface: The surface.
        order: Indices of all rungs, from the cheapest trial to the most expensive.
        confidence: Confidence level of all intervals, between 0 and 1.
    """
    path = ladder_path(surface, order)
    if len(path.rungs) < 2:
        return Speed(None, "one rung does not show how the cost of transferring changes with size")
    sizes = surface.rungs[list(path.rungs)]
    steps = np.diff(path.octaves)
    costs = np.stack(
        [surface.excess(path.optima[:, i], sizes[i + 1]) for i in range(len(steps))], axis=1
    )
    gains = -np.diff(surface.draws.level[:, list(path.rungs)], axis=1)
    ratios = costs / np.maximum(gains, SMALLEST)
    ratio = interval(ratios[:, -1], confidence)
    if len(steps) < 2:
        return Speed(None, "an exponent needs three rungs of growing size", ratio=ratio)
    middle = (path.octaves[1:] + path.octaves[:-1]) / 2
    gamma = -slopes(middle, np.log2(np.maximum(costs / steps**2, SMALLEST)))
    alpha = -slopes(middle, np.log2(np.maximum(gains / steps, SMALLEST)))
    fast, reason = _verdict(gamma - alpha, confidence)
    if fast is None and not _drifts(path.octaves, path.optima, confidence):
        largest = float(np.quantile(ratios, (1 + confidence) / 2, axis=0).max())
        if largest <= NEGLIGIBLE:
            fast = True
            reason = (
                f"no drift is shown, and transferring costs at most {largest:.1%} of what each "
                "step of the ladder gains"
            )
    exponents = (interval(gamma, confidence), interval(alpha, confidence))
    return Speed(fast, reason, *exponents, ratio)


def _verdict(difference: Array, confidence: float) -> tuple[bool | None, str]:
    """What draws of gamma - alpha show."""
    found = interval(difference, confidence)
    assert found.low is not None and found.high is not None
    if found.low > 0:
        return True, "the cost of transferring shrinks faster with size than the gain of growing"
    if found.high < 0:
        return False, "the cost of transferring shrinks more slowly with size than the gain"
    return None, "the runs do not show which shrinks faster, the cost of transferring or the gain"


def _drifts(octaves: Array, optima: Array, confidence: float) -> bool:
    """Whether the interval of any hyperparameter's drift excludes zero."""
    found = [interval(slopes(octaves, optima[:, :, j]), confidence) for j in range(optima.shape[2])]
    return any(not (f.low or 0.0) <= 0 <= (f.high or 0.0) for f in found)
