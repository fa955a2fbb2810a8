"""Measurements of learning mechanics on any model, loss and batch.

The functions below take a `nn.Module`, `loss(model, batch)` and batches, so that a training loop of
one's own can call them; `mutransfer probe` calls them on the proxies of a recipe.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mutransfer_cli.probes.curvature.critical_rate import critical_learning_rate
    from mutransfer_cli.probes.curvature.hessian import Hessian
    from mutransfer_cli.probes.curvature.spectrum import top_eigenvalues
    from mutransfer_cli.probes.curvature.stability import Stability, stability
    from mutransfer_cli.probes.gradient_noise import NoiseScale, noise_scale
    from mutransfer_cli.probes.own_loop import (
        feature_movement,
        layer_features,
        matrix_norms,
        trained_weights,
    )
    from mutransfer_cli.surface.loss_curves.curve_collapse import Collapse, curve_collapse
    from mutransfer_cli.surface.loss_curves.final_loss import predict_final_loss
    from mutransfer_cli.surface.loss_curves.loss_curve import LossCurve

_CURVATURE = "mutransfer_cli.probes.curvature"
_CURVES = "mutransfer_cli.surface.loss_curves"
_OWN_LOOP = "mutransfer_cli.probes.own_loop"
_HOME = {
    "Collapse": f"{_CURVES}.curve_collapse",
    "Hessian": f"{_CURVATURE}.hessian",
    "LossCurve": f"{_CURVES}.loss_curve",
    "NoiseScale": "mutransfer_cli.probes.gradient_noise",
    "Stability": f"{_CURVATURE}.stability",
    "critical_learning_rate": f"{_CURVATURE}.critical_rate",
    "curve_collapse": f"{_CURVES}.curve_collapse",
    "feature_movement": _OWN_LOOP,
    "layer_features": _OWN_LOOP,
    "matrix_norms": _OWN_LOOP,
    "noise_scale": "mutransfer_cli.probes.gradient_noise",
    "predict_final_loss": f"{_CURVES}.final_loss",
    "stability": f"{_CURVATURE}.stability",
    "top_eigenvalues": f"{_CURVATURE}.spectrum",
    "trained_weights": _OWN_LOOP,
}
__all__ = [  # noqa: RUF022  # the order of the documentation
    "Hessian",
    "top_eigenvalues",
    "Stability",
    "stability",
    "critical_learning_rate",
    "NoiseScale",
    "noise_scale",
    "layer_features",
    "feature_movement",
    "trained_weights",
    "matrix_norms",
    "LossCurve",
    "Collapse",
    "curve_collapse",
    "predict_final_loss",
]


def __getattr__(name: str) -> Any:
    """Import a function on its first use: a listing of the probes needs no torch."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
