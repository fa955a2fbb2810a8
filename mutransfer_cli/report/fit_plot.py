"""Loss against the learning rate, a line for each width, with the fitted optimum's interval."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.surface.curve import curves_of
from mutransfer_cli.surface.loss_transform import scale_of
from mutransfer_cli.surface.observation import Observation


def draw(observations: Sequence[Observation], fitted: FitDocument, path: Path) -> None:
    """Write a picture; divergent rates are crosses at the top of their width's line."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(6.4, 4.4))
    colours = plt.get_cmap("viridis")(np.linspace(0.85, 0.1, len(fitted.rungs)))
    scale = scale_of(observations)
    curves = curves_of(scale.of(observations))
    for rung, colour in zip(fitted.rungs, colours, strict=True):
        curve = curves.get(rung.width)
        if curve is None:
            continue
        means = np.array([scale.loss(value) for value in curve.means])
        axis.plot(2.0**curve.x, means, "o-", color=colour, label=f"width {rung.width}")
        if len(curve.censored):
            top = np.full(len(curve.censored), means.max())
            axis.plot(2.0**curve.censored, top, "x", color=colour)
        best = rung.optimum["lr"] if rung.optimum else None
        if best and best.low and best.high and rung.loss:
            reach = [[best.value - best.low], [best.high - best.value]]
            axis.errorbar(best.value, rung.loss, xerr=reach, fmt="D", color=colour, mec="k",
                          ecolor="k", capsize=3)  # fmt: skip
    axis.set_xscale("log", base=2)
    axis.set(xlabel="learning rate at the base", ylabel="loss")
    axis.set_title(f"{Path(fitted.source).name}: {fitted.verdict}")
    axis.legend()
    figure.tight_layout()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110)
    except (OSError, ValueError) as error:
        raise InputError(f"--plot {path}: cannot be written: {error}") from error
    finally:
        plt.close(figure)
