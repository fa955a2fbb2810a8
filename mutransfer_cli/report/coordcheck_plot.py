"""The classical curves, and each tensor's deviation with its interval."""

from __future__ import annotations

from pathlib import Path

from mutransfer_cli.documents.check import CheckDocument
from mutransfer_cli.errors import InputError

COLOURS = {"pass": "tab:green", "warn": "tab:orange", "fail": "tab:red", "inconclusive": "tab:gray"}


def plot(document: CheckDocument, path: Path) -> None:
    """Write a picture; its format is that of the file's name."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    judged = [t for t in document.tensors if t.update_slope is not None]
    figure, axes = plt.subplots(1, 3, figsize=(15, max(4.0, 0.22 * len(judged))))
    for axis, which, title in (
        (axes[0], "init", "RMS of activations at init"),
        (axes[1], "change", "RMS of their change"),
    ):
        for m in document.modules:
            values = getattr(m, which)
            if all(v > 0 for v in values.values()):
                axis.loglog(list(values), list(values.values()), marker=".", alpha=0.6)
        axis.set(title=title, xlabel="width")
    for row, t in enumerate(judged):
        s = t.update_slope
        assert s is not None
        off = s.value - (s.expected or 0.0)
        half = 0.0 if s.high is None else s.high - s.value
        axes[2].errorbar(off, row, xerr=half, fmt="o", color=COLOURS[t.verdict])
    axes[2].set_yticks(range(len(judged)), [t.name for t in judged], fontsize=6)
    axes[2].axvspan(-0.25, 0.25, color="tab:green", alpha=0.1)
    axes[2].set(title=f"deviation of each tensor's update: {document.verdict}", xlabel="exponent")
    figure.tight_layout()
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise InputError(f"--plot {path}: cannot be written: {error}") from error
    finally:
        plt.close(figure)
