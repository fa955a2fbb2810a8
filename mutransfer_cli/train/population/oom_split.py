"""Trials that were put together: a population of them, or one; halved where memory runs out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from mutransfer_cli.documents.step_mode import StepMode
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.checkpoint.checkpointer import GroupCheckpointer
from mutransfer_cli.train.population.population import Member
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.trial import Result, train

NO_MEMORY = ("can't allocate memory", "out of memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whichever device; also in the user's code."""
    if isinstance(error, InputError) and error.__cause__ is not None:
        return is_out_of_memory(error.__cause__)
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(s in str(error).lower() for s in NO_MEMORY)


def train_group(
    members: Sequence[Member],
    size: Size,
    device: str = "cpu",
    keeper: GroupCheckpointer | None = None,
    step_mode: StepMode = "plain",
) -> Iterator[tuple[int, Result]]:
    """Each member's number and result, as it ends. With a keeper they keep a checkpoint together.

    Raises MemoryError or torch's own where a single trial does not fit, and InputError for what
    the user's own code does wrong.
    """
    if len(members) == 1 and keeper is None:
        (only,) = members
        yield 0, train(only.recipe, size, only.seed, device, only.plan, judge=only.judge)
        return
    left = dict(enumerate(members))
    running = train_population(members, size, device, keeper, step_mode)
    try:
        for i, result in running:
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
    for part in (numbers[:half], numbers[half:]):
        if part:
            for place, result in train_group(
                [left[i] for i in part], size, device, step_mode=step_mode
            ):
                yield part[place], result
