"""What a run of one size and seed ends with, for comparison with other sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mutransfer_cli.probes.subject.layer_outputs import layer_outputs, model_output, rows
from mutransfer_cli.probes.subject.trainee import Trainee, finite_loss

SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)  # of a run, at the ends of the windows of its loss curve
ROWS = 48  # examples, or tokens, whose features are compared
Array = NDArray[np.float64]


@dataclass(frozen=True)
class TrainedRun:
    """A run that has ended.

    Attributes:
        loss: Mean loss on batches that were not trained on.
        curve: Mean loss of the steps of every window up to the `SHARES` (windows,).
        logits: Outputs for the first of the batches, flat; empty where there is no tensor.
        kernel: Inner products of the last layer's outputs before the readout, divided by their
            dimension (rows × rows), flat; empty where there is no such layer.
    """

    loss: float
    curve: Array
    logits: Array
    kernel: Array


def trained_run(trainee: Trainee, batches: Sequence[Any]) -> TrainedRun:
    """Train to the end, and measure on batches that were not trained on.

    Args:
        trainee: What to train.
        batches: The batches.

    Raises:
        InputError: A loss is not finite.
    """
    losses = []
    for step in range(trainee.steps):
        losses.append(finite_loss(trainee.step(step), step))
    with torch.no_grad():
        mean = sum(float(trainee.loss(trainee.model, b)) for b in batches) / len(batches)
    output = model_output(trainee, batches[0])
    layers = list(layer_outputs(trainee, batches[0]).values())
    features = rows(layers[-1])[:ROWS] if layers else np.zeros((0, 1))
    return TrainedRun(
        loss=mean,
        curve=_windows(losses),
        logits=np.zeros(0) if output is None else output.double().cpu().numpy().ravel(),
        kernel=(features @ features.T / features.shape[1]).ravel(),
    )


def _windows(losses: Sequence[float]) -> Array:
    """The mean loss of every window; a window shorter than a step has the step at its end."""
    n, start, means = len(losses), 0, []
    for share in SHARES:
        end = max(round(share * n), 1)
        means.append(float(np.mean(losses[min(start, end - 1) : end])))
        start = end
    return np.array(means)
