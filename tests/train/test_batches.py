"""Nested batches on a device, and whose batches a trial sees."""

from __future__ import annotations

from collections import namedtuple

import pytest
import torch

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.batches import SEED_STRIDE, count_examples, data_stream, to_device
from mutransfer_cli.train.population.stacked_batches import stack_batches, trial_dimensions
from tests.helpers.trials import small_recipe

Pair = namedtuple("Pair", "x note")
META = torch.device("meta")


@pytest.mark.parametrize("kind", [tuple, list])
def test_every_tensor_of_a_nested_batch_moves(kind: type) -> None:
    x = torch.zeros(2, 3)
    moved = to_device(kind([x, {"y": x, "n": 3}, Pair(x, "note")]), META)
    assert type(moved) is kind and type(moved[2]) is Pair
    assert [moved[0].device, moved[1]["y"].device, moved[2].x.device] == [META] * 3
    assert moved[1]["n"] == 3 and moved[2].note == "note"
    assert x.device.type == "cpu"  # the control


def test_batches_of_trials_get_a_leading_dimension() -> None:
    batches = [{"x": torch.full((2,), float(k)), "n": 5} for k in range(3)]
    stacked = stack_batches(batches)
    assert stacked["x"].tolist() == [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]] and stacked["n"] == 5
    assert trial_dimensions(stacked) == {"x": 0, "n": None}


def test_examples_are_counted_where_the_batch_says() -> None:
    assert count_examples((torch.zeros(7, 2), torch.zeros(7))) == 7
    assert count_examples(torch.zeros(4)) == 4
    assert count_examples({"x": torch.zeros(4)}) == count_examples(torch.zeros(())) == 1


def test_the_subject_s_own_batches_come_first() -> None:
    """Of seed 2 and step 5, the number 2 · SEED_STRIDE + 5; held out: -1."""
    factory, size = ProxyFactory(small_recipe("mlp")), Size(32, 2, 8, 10)
    own = Subject(torch.nn.Linear(1, 1), batch=lambda seed: ("own", seed))
    stream = data_stream(factory, own, size, 2)
    assert stream.batch(5) == ("own", 2 * SEED_STRIDE + 5)
    assert stream.validation == [("own", -1)]
    data = data_stream(factory, Subject(torch.nn.Linear(1, 1)), size, 2)
    x, y = data.batch(5)
    assert (tuple(x.shape), tuple(y.shape)) == ((8, 16), (8,))
    assert torch.equal(x, factory.source.batch(2, 5, 8)[0])
