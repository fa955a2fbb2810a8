"""Test errors of networks that are trained on a few examples."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.seed_intervals import mean_interval
from mutransfer_cli.probes.probe_run import ProbeRequest
from mutransfer_cli.probes.subject.layer_outputs import output_of
from mutransfer_cli.probes.subject.trainee import Trainee, finite_loss

NETWORKS = 3  # trained on each number of examples
Array = NDArray[np.float64]


def learning_curve(
    request: ProbeRequest,
    examples: Sequence[int],
    x: Tensor,
    y: Tensor,
    values: Array,
    longest: float = 0.0,
) -> tuple[dict[int, list[float]], list[str]]:
    """Test errors of networks trained on some examples, by their number; and notes.

    Each takes the recipe's steps, on batches drawn from its examples, and is measured on the rest.

    Args:
        request: What is measured.
        examples: Their numbers.
        x: Inputs of the domain (points, …).
        y: Their targets as the loss takes them (points, …).
        values: The target that is measured (points,).
        longest: Seconds that a run takes, as far as that is known.

    Raises:
        InputError: A loss is not finite.
    """
    proxies, found = request.measured, dict[int, list[float]]()
    for seed in range(request.seed, request.seed + NETWORKS):
        rng = np.random.default_rng(seed)
        for n in examples:
            if not request.has_time_for(longest):
                return found, [f"networks: {seed - request.seed} draws, no time for more"]
            started = time.perf_counter()
            trainee = proxies.train(proxies.base, seed, {})
            assert trainee.step_on is not None
            drawn = rng.permutation(len(x))
            kept, rest = drawn[:n], drawn[n:]
            for step in range(trainee.steps):
                rows = rng.choice(kept, trainee.examples, replace=n < trainee.examples)
                finite_loss(trainee.step_on(step, (x[rows], y[rows])), step)
            error = network_error(trainee, x[rest], values[rest], request.confidence)
            found.setdefault(n, []).append(error.value)
            longest = max(longest, time.perf_counter() - started)
    return found, []


def network_error(trainee: Trainee, x: Tensor, target: Array, confidence: float) -> Interval:
    """Mean squared error of the first output, or of the probability of the first class.

    Args:
        trainee: Gives the model, which is left in training mode.
        x: Inputs (points, …).
        target: Their targets (points,).
        confidence: Of the interval over the points.
    """
    is_value = trainee.unseen(1)[0][1].is_floating_point()
    trainee.model.eval()
    with torch.no_grad():
        output = output_of(trainee.model, x)
    trainee.model.train()
    first = output.reshape(len(x), -1)[:, 0] if is_value else output.softmax(-1)[:, 0]
    squared = (first.double().cpu().numpy() - target) ** 2
    return mean_interval(list(squared), confidence)
