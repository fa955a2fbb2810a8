"""Trains a group of trials as populations that are halved when memory runs out."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch

from mutransfer_cli.documents.step_mode import StepMode
from mutransfer_cli.errors import InputError
from mutransfer_cli.train.checkpoint.checkpointer import GroupCheckpointer
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.single_trial import train_trial
from mutransfer_cli.train.training_loop import Ends
from mutransfer_cli.train.trial import Trial

log = logging.getLogger(__name__)

OUT_OF_MEMORY_MESSAGES = ("can't allocate memory", "out of memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on any device or in the user's code."""
    if isinstance(error, InputError) and error.__cause__ is not None:
        return is_out_of_memory(error.__cause__)
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(m in text for m in OUT_OF_MEMORY_MESSAGES)


def train_group(
    trials: Sequence[Trial],
    device: str = "cpu",
    checkpointer: GroupCheckpointer | None = None,
    step_mode: StepMode = "plain",
    *,
    batched: bool = False,
) -> Ends:
    """Train trials as a population, or a single one by itself.

    Args:
        trials: The trials, all of one architecture and size.
        device: Torch's name of the device.
        checkpointer: Saves checkpoints of the population.
        step_mode: Operation by operation, or as one CUDA graph.
        batched: Whether a single trial trains as a population of one.

    Yields:
        The number and the result of each trial as it ends.

    Raises:
        MemoryError: A single trial does not fit into memory; torch may raise its own error.
        InputError: The user's own code fails.
    """
    if len(trials) == 1 and checkpointer is None and not batched:
        yield 0, train_trial(trials[0], device)
        return
    left = dict(enumerate(trials))
    try:
        for i, result in train_population(trials, device, checkpointer, step_mode):
            del left[i]
            yield i, result
        return
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        if torch.device(device).type == "cuda":
            torch.cuda.empty_cache()
    numbers = list(left)
    half = (len(numbers) + 1) // 2
    log.info("out of memory: a population of %d is split into halves", len(numbers))
    for part in (numbers[:half], numbers[half:]):
        if part:
            group = [left[i] for i in part]
            for position, result in train_group(group, device, step_mode=step_mode):
                yield part[position], result
