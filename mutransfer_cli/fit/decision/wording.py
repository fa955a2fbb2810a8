"""How sizes, hyperparameters and costs are written in messages."""

from __future__ import annotations

from collections.abc import Iterable

from mutransfer_cli.fit.study.size_axes import Sizes
from mutransfer_cli.fit.study.study_runs import Array, StudyRuns
from mutransfer_cli.interval import Interval


def size_text(sizes: Sizes, names: Iterable[str]) -> str:
    """Sizes such as `width 256, batch 64`.

    Args:
        sizes: The sizes.
        names: Those to show, where they are known.
    """
    return ", ".join(f"{name} {number(sizes[name])}" for name in names if sizes.get(name))


def number(size: float) -> str:
    """A size without a fraction where it has none, large ones in powers of ten."""
    return f"{size:.0f}" if size < 1e6 and float(size).is_integer() else f"{size:.4g}"


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


def percent(cost: Interval) -> str:
    """A cost such as `0.12% (0.01% to 0.40%)`."""
    if cost.low is None or cost.high is None:
        return f"{cost.value:.2%}"
    return f"{cost.value:.2%} ({cost.low:.2%} to {cost.high:.2%})"


def signed_interval(drift: Interval) -> str:
    """A drift such as `-0.50 (-0.62 to -0.38)`."""
    if drift.low is None or drift.high is None:
        return f"{drift.value:+.2f}"
    return f"{drift.value:+.2f} ({drift.low:+.2f} to {drift.high:+.2f})"
