"""How sizes, hyperparameters and costs are written in messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor, log10

from mutransfer_cli.fit.study.size_axes import Sizes
from mutransfer_cli.fit.study.study_runs import Array, StudyRuns
from mutransfer_cli.interval import Interval, number

LISTED = 4  # of a kind, in a message


def size_text(sizes: Sizes, names: Iterable[str]) -> str:
    """Sizes such as `width 256, batch 64`.

    Args:
        sizes: The sizes.
        names: Those to show, where they are known.
    """
    return ", ".join(f"{name} {number(sizes[name])}" for name in names if sizes.get(name))


def listed(texts: Sequence[str]) -> str:
    """The first of some texts, and how many more there are."""
    more = f" and {len(texts) - LISTED} more" if len(texts) > LISTED else ""
    return "; ".join(texts[:LISTED]) + more


def rungs_text(rungs: Sequence[Sizes], names: Sequence[str]) -> str:
    """Several rungs, such as `width 64, 128 and 256`.

    Args:
        rungs: Their sizes.
        names: The sizes to show, where they are known.
    """
    if len(names) != 1 or not all(sizes.get(names[0]) for sizes in rungs):
        return listed([size_text(sizes, names) for sizes in rungs])
    values = [number(sizes[names[0]]) for sizes in rungs]
    shown = values[:LISTED] if len(values) > LISTED else values[:-1]
    last = f"{len(values) - LISTED} more" if len(values) > LISTED else values[-1]
    return f"{names[0]} {', '.join(shown)} and {last}" if shown else f"{names[0]} {last}"


def setting_text(study: StudyRuns, setting: Array) -> str:
    """A setting such as `lr 0.0156, init_std 0.1`.

    Args:
        study: The runs.
        setting: In coordinates, shape (hyperparameters,).
    """
    values = study.values(setting)
    return ", ".join(f"{name} {values[name]:.3g}" for name in study.names)


def spoken(name: str) -> str:
    """The name of a hyperparameter in a sentence."""
    return "learning rate" if name == "lr" else name


def percent(cost: Interval, places: int = 2) -> str:
    """A cost such as `0.12% (0.01% to 0.40%)`.

    Args:
        cost: The cost, as a fraction.
        places: Digits after the point of the percentages.
    """
    if cost.low is not None and cost.high is None:
        return f"{cost.value:.{places}%} (at least {cost.low:.{places}%})"
    if cost.low is None or cost.high is None:
        return f"{cost.value:.{places}%}"
    return f"{cost.value:.{places}%} ({cost.low:.{places}%} to {cost.high:.{places}%})"


def decimals(tolerance: float) -> int:
    """Digits after the point at which percentages show on which side of a tolerance they are."""
    return max(2, 1 - floor(log10(100 * tolerance)))


def signed_interval(drift: Interval) -> str:
    """A drift such as `-0.50 (-0.62 to -0.38)`."""
    if drift.low is None or drift.high is None:
        return f"{drift.value:+.2f}"
    return f"{drift.value:+.2f} ({drift.low:+.2f} to {drift.high:+.2f})"
