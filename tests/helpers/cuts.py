"""Training that is cut off, as by a kill."""

from __future__ import annotations

import pytest

from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.train import single_trial
from mutransfer_cli.train.batches import DataStream, data_stream
from mutransfer_cli.train.checkpoint.checkpointer import Checkpointer
from tests.helpers.trials import train_recipe


class Cut(Exception):
    """Stands for the kill."""


def cut_trial(
    step: int, recipe: Recipe, checkpointer: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Train until the batch of a step is asked for, and no further.

    Args:
        step: Counted from 0.
        recipe: What is trained, at its base.
        checkpointer: Keeps the checkpoint.
        monkeypatch: Cuts the stream of data.
    """

    def stream(*arguments: object) -> DataStream:
        whole = data_stream(*arguments)  # type: ignore[arg-type]  # as it was called

        def batch(at: int) -> object:
            if at == step:
                raise Cut
            return whole.batch(at)

        return DataStream(batch, whole.validation)

    with monkeypatch.context() as patched, pytest.raises(Cut):
        patched.setattr(single_trial, "data_stream", stream)
        train_recipe(recipe, checkpointer=checkpointer)
