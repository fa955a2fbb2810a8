"""Common parts of all figures: drawing without a display, colors and saving."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VERDICT_COLORS = {
    "pass": "tab:green",
    "warn": "tab:orange",
    "fail": "tab:red",
    "inconclusive": "tab:gray",
}
DPI = 110


@contextmanager
def figure(
    path: Path, panels: int = 1, size: tuple[float, float] = (6.4, 4.4), columns: int | None = None
) -> Iterator[Any]:
    """Create a figure with panels side by side, and save it at the end of the block.

    Args:
        path: The file, whose suffix determines the format.
        panels: Number of panels.
        size: Width and height of the figure in inches.
        columns: Most panels in one row; None: all.

    Yields:
        The matplotlib axes of each panel.

    Raises:
        InputError: The file cannot be written, or the format is unknown.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    across = min(panels, columns or panels)
    drawing, grid = plt.subplots(-(-panels // across), across, figsize=size, squeeze=False)
    axes = list(grid.flat)
    for unused in axes[panels:]:
        unused.set_axis_off()
    try:
        yield axes[:panels]
        drawing.tight_layout()
        save(drawing, path)
    finally:
        plt.close(drawing)


def save(drawing: Figure, path: Path) -> None:
    """Write a figure to a file.

    Raises:
        InputError: The file cannot be written, or the format is unknown.
    """
    try:
        with replacing(path) as partial:
            drawing.savefig(partial, dpi=DPI, format=path.suffix.removeprefix(".") or None)
    except (OSError, ValueError) as error:
        raise InputError(f"--plot {path}: cannot be written: {error}") from error


def shades(count: int) -> list[Any]:
    """Colors from light to dark, for the rungs of a ladder."""
    import numpy as np
    from matplotlib import pyplot as plt

    return list(plt.get_cmap("viridis")([0.4] if count == 1 else np.linspace(0.75, 0.1, count)))
