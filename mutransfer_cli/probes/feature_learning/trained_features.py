"""What a short training changes in a model: the outputs of its layers, its tangent kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.feature_learning.kernel_matrices import kernel_alignment, kernel_movement
from mutransfer_cli.probes.feature_learning.output_gradients import output_gradients
from mutransfer_cli.probes.subject.layer_outputs import layer_outputs, matrix_entries
from mutransfer_cli.probes.subject.trainee import Trainee, finite_loss

STEPS = 20  # of each run: later, losses differ by width
INIT, TRAINED = "init", "end"


@dataclass(frozen=True)
class TrainedFeatures:
    """What has moved, and how the end differs from init.

    Attributes:
        movement: RMS of the change of each layer's output relative to its RMS at init.
        extent: Entries of each layer's output, and of its matrices.
        kernel: Movement of the tangent kernel; None where it cannot be measured.
        alignment: Of the kernel with what the loss asks of the outputs at init, by time.
        ansatz: Cosine of WᵀW with the average gradient outer product, by time and layer.
    """

    movement: Mapping[str, float]
    kernel: float | None
    alignment: Mapping[str, float]
    ansatz: Mapping[str, Mapping[str, float]]
    extent: Mapping[str, tuple[int, int]]


def trained_features(trainee: Trainee, with_kernel: bool = True) -> TrainedFeatures:
    """Train for `STEPS` steps or to the end, and compare with init on a batch not trained on.

    Args:
        trainee: What to train.
        with_kernel: Whether the tangent kernel and the ansatz are measured too.

    Raises:
        InputError: A loss is not finite, or the model has no layer besides a readout.
    """
    (batch,) = trainee.unseen(1)
    outputs = layer_outputs(trainee, batch)
    extent = {
        name: (value.numel(), matrix_entries(trainee.model, name))
        for name, value in outputs.items()
    }
    gradients = output_gradients(trainee, batch) if with_kernel else None
    for step in range(min(STEPS, trainee.steps)):
        finite_loss(trainee.step(step), step)
    after = output_gradients(trainee, batch) if gradients is not None else None
    moved = relative_movement(outputs, layer_outputs(trainee, batch))
    if gradients is None or after is None:
        return TrainedFeatures(moved, None, {}, {}, extent)
    found = {INIT: gradients, TRAINED: after}
    alignment = {}
    for when, g in found.items():
        value = None if gradients.asked is None else kernel_alignment(g.kernel, gradients.asked)
        if value is not None:
            alignment[when] = value
    kernel = kernel_movement(gradients.kernel, after.kernel)
    ansatz = {when: g.ansatz for when, g in found.items()}
    return TrainedFeatures(moved, kernel, alignment, ansatz, extent)


def relative_movement(
    before: Mapping[str, Tensor], after: Mapping[str, Tensor]
) -> dict[str, float]:
    """Relative change of every output that moves; empty where all are fixed.

    Args:
        before: Outputs by layer.
        after: The same at a later step.

    Raises:
        InputError: There is no output.
    """
    moved = {
        name: _rms(after[name] - value) / _rms(value)
        for name, value in before.items()
        if name in after and after[name].shape == value.shape and _rms(value) > 0
    }
    if not moved:
        raise InputError("the model has no layer before its readout")
    return {name: value for name, value in moved.items() if value > 0}


def _rms(tensor: Tensor) -> float:
    return float(tensor.double().pow(2).mean().sqrt())
