"""Trains a population until all its trials have ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from mutransfer_cli.documents.step_mode import StepMode
from mutransfer_cli.train.checkpoint.checkpointer import GroupCheckpointer
from mutransfer_cli.train.population.captured_population import make_population
from mutransfer_cli.train.training_loop import Ends, TrainingLoop
from mutransfer_cli.train.trial import Trial

log = logging.getLogger(__name__)


def train_population(
    trials: Sequence[Trial],
    device: str = "cpu",
    checkpointer: GroupCheckpointer | None = None,
    step_mode: StepMode = "plain",
) -> Ends:
    """Train trials of one architecture and size together.

    Args:
        trials: The trials.
        device: Torch's name of the device.
        checkpointer: Saves checkpoints; the trials resume from an existing one, in its step mode.
        step_mode: Operation by operation, or as one CUDA graph.

    Yields:
        The number and the result of each trial as it ends.

    Raises:
        InputError: The user's own code fails.
    """
    started = time.perf_counter()
    checkpoint = checkpointer.load() if checkpointer is not None else None
    if checkpoint is not None:
        step_mode = checkpoint["step_mode"]
    log.debug("a population of %d on %s, %s steps", len(trials), device, step_mode)
    population = make_population(trials, device, step_mode)
    trainer = TrainingLoop(population, checkpointer, step_mode, started)
    yield from trainer.run(checkpoint)
