"""Features and norms of a model in a training loop of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.curvature.repeatable import Loss, repeatable, twice_differentiable
from mutransfer_cli.probes.feature_learning.trained_features import relative_movement
from mutransfer_cli.probes.subject.layer_outputs import outputs_by_layer
from mutransfer_cli.train.norms.readouts import Readout
from mutransfer_cli.train.norms.tensor_norms import (
    READOUT,
    SPECTRAL,
    as_matrix,
    is_matrix,
    spectral_norms,
    update_norms,
)


def layer_features(model: nn.Module, loss: Loss, batch: Any) -> dict[str, Tensor]:
    """The output of every layer but the last one with a matrix, for one batch.

    Args:
        model: The model.
        loss: `loss(model, batch)`, which calls the model.
        batch: The batch: the same one at every step that is compared.
    """
    with twice_differentiable():  # what is compiled runs eagerly, so that its layers are seen
        return outputs_by_layer(model, repeatable(loss), batch, {})


def feature_movement(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> dict[str, float]:
    """The RMS of the change of each layer's output, relative to its RMS before.

    Args:
        before: `layer_features` at an earlier step.
        after: `layer_features` now, of the same batch.

    Raises:
        InputError: No layer is in both.
    """
    return relative_movement(before, after)


def trained_weights(model: nn.Module) -> dict[str, Tensor]:
    """A copy of every parameter that takes a gradient, for `matrix_norms`.

    Args:
        model: The model.
    """
    return {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}


def matrix_norms(
    model: nn.Module, before: Mapping[str, Tensor] | None = None, readout: str | None = None
) -> dict[str, float]:
    """Spectral norms of all matrices, the readout's RMS→∞ norm, and norms of an update.

    Args:
        model: The model.
        before: `trained_weights` before the step; None: no update is measured.
        readout: Name of the readout's weight (out, in), such as `head.weight`; None: it is left
            out.

    Raises:
        InputError: There is no such matrix, or `before` is of another model.
    """
    stacked = {name: w[None] for name, w in trained_weights(model).items()}
    matrices = {name: as_matrix(w) for name, w in stacked.items() if is_matrix(w)}
    found = {f"{SPECTRAL} {n}": float(spectral_norms(m)[0]) for n, m in matrices.items()}
    if readout is not None:
        if readout not in matrices:
            raise InputError(
                f"matrix_norms: no matrix {readout!r}; there are {', '.join(matrices)}"
            )
        found[READOUT] = float(Readout(readout).norms(stacked[readout])[0])
    if before is not None:
        if {n: w.shape for n, w in before.items()} != {n: w[0].shape for n, w in stacked.items()}:
            raise InputError(
                "matrix_norms: `before` is not of this model; take it with `trained_weights(model)`"
            )
        found |= update_norms({n: w[None] for n, w in before.items()}, stacked)[0]
    return found
