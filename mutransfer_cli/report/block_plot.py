"""Small plots for terminals, drawn with block characters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.fit.decision.wording import size_text
from mutransfer_cli.fit.rung_curves import RungCurve
from mutransfer_cli.fit.study_fit import StudyFit

BLOCKS = "▁▂▃▄▅▆▇█"
DIVERGED, MISSING = "×", " "
MOST_VALUES = 16  # values that have three characters each; more share bins of one character
BINS = 48
CLIPPED = 4.0  # heights end at this multiple of the median excess, or slopes would look flat

Array = NDArray[np.float64]


def loss_plot(study: StudyFit, width: int) -> list[str]:
    """Loss against log2 of the learning rate, a row for every rung.

    Heights are losses above the lowest of the rung, on one scale for all rungs: where the low
    blocks stand below each other, the optimum transfers.

    Args:
        study: The fit.
        width: Characters of a line.

    Returns:
        Lines, none where no rung has two finished learning rates or two losses.
    """
    rungs = [rung for rung in study.curves if rung.curve is not None and len(rung.curve.x) > 1]
    if not rungs:
        return []
    axes = study.answers.axes or ("width",)
    names = [size_text(rung.answer.sizes, axes) for rung in rungs]
    margin = max(map(len, names)) + 4
    edges, cell = bins(rungs, width - margin - len("  best -10.12"))
    excess = np.concatenate([rung_excess(rung) for rung in rungs])
    if not excess.any():  # every loss is the same
        return []
    scale = min(float(excess.max()), CLIPPED * float(np.median(excess[excess > 0], axis=0)))
    any_diverged = any(rung.curve is not None and len(rung.curve.censored) for rung in rungs)
    diverged = f"; {DIVERGED}: diverged" if any_diverged else ""
    low, high = (f"{x:.4g}" for x in (edges[0], edges[-1]))
    ruler = low + high.rjust((len(edges) - 1) * cell + cell - len(low))
    lines = [
        "across: log2(lr); height: loss above the rung's lowest, "
        f"full at {scale:.3g} or more{diverged}",
        " " * margin + ruler,
    ]
    for name, rung in zip(names, rungs, strict=True):
        row = "".join(c * cell for c in rung_row(rung, edges, scale))
        lines.append(f"  {name:<{margin - 2}}{row}  best {best_rate(rung):.2f}")
    return lines


def bins(rungs: Sequence[RungCurve], room: int) -> tuple[Array, int]:
    """Positions of the columns, and the characters of each.

    Args:
        rungs: Rungs with a curve.
        room: Characters of a row.
    """
    curves = [rung.curve for rung in rungs if rung.curve is not None]
    values = np.unique(np.round(np.concatenate([[*c.x, *c.censored] for c in curves]), 6))
    for cell in (3, 2):
        if len(values) <= MOST_VALUES and len(values) * cell <= room:
            return values, cell
    return np.linspace(values[0], values[-1], max(2, min(BINS, room))), 1


def rung_excess(rung: RungCurve) -> Array:
    """Losses above the lowest of the rung, shape (rates,)."""
    assert rung.curve is not None
    excess: Array = rung.curve.means - rung.curve.means.min()
    return excess


def rung_row(rung: RungCurve, edges: Array, scale: float) -> list[str]:
    """The character of every column: the lowest loss nearest to it, or that it diverged.

    Args:
        rung: The rung.
        edges: Positions of the columns, in log2 of the learning rate.
        scale: Excess loss of a full block.
    """
    assert rung.curve is not None
    row = [MISSING] * len(edges)
    for x in rung.curve.censored:
        row[int(np.abs(edges - x).argmin())] = DIVERGED
    lowest: dict[int, float] = {}
    for x, above in zip(rung.curve.x, rung_excess(rung), strict=True):
        at = int(np.abs(edges - x).argmin())
        lowest[at] = min(above, lowest.get(at, np.inf))
    for at, above in lowest.items():
        row[at] = block(above, scale)
    return row


def block(value: float, full: float) -> str:
    """The block whose height is a share of the full one; the lowest for 0."""
    share = min(1.0, value / full) if full > 0 else 0.0
    return BLOCKS[round(share * (len(BLOCKS) - 1))]


def best_rate(rung: RungCurve) -> float:
    """Log2 of the optimum, or of the best rate that ran."""
    assert rung.curve is not None
    optimum = (rung.answer.optimum or {}).get("lr")
    if optimum is not None and optimum.value > 0:
        return float(np.log2(optimum.value))
    return float(rung.curve.x[rung.curve.means.argmin()])


def sparkline(values: Sequence[float], width: int) -> str:
    """A curve of finite values as blocks, from their lowest to their highest.

    Args:
        values: The curve; its neighbors are averaged where there are more than characters.
        width: Most characters.
    """
    if not values:
        return ""
    parts = np.array_split(np.asarray(values, float), min(width, len(values)))
    means = np.array([part.mean() for part in parts])
    return "".join(block(v - means.min(), float(np.ptp(means))) for v in means)
