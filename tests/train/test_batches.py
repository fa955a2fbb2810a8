"""Nested batches on a device, whose batches a trial sees, and whether own ones follow sizes."""

from __future__ import annotations

import sys
from collections import namedtuple
from pathlib import Path

import pytest
import torch

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builder import build
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.batches import (
    SEED_STRIDE,
    count_examples,
    data_stream,
    require_own_batches,
    to_device,
)
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


OWN_MODELS = """
import torch
from torch import nn
from mutransfer_cli import Subject

def subject(width, examples, length):
    model = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 1))
    draw = lambda seed: {"x": torch.randn(examples, length, 8)}
    return Subject(model, loss=lambda model, batch: model(batch["x"]).square().mean(), batch=draw)

def fixed(width):
    return subject(width, 16, 4)

def grows(width, batch, length=4):
    return subject(width, batch, length)

def longer(width, length):
    return subject(width, 16, length)
"""
OWN_RECIPE = """
name: own
model: {build: "MODULE:CALLABLE"MORE}
data: {source: stdlib, seq_len: 4}
base: {width: 8, depth: 1, batch: 16, steps: 4SEQ}
ladder: {LADDER}
search: {space: {lr: {log2: [-4, -2], step: 1}}}
"""
BATCH, LENGTH = "batch: [16, 64]", "seq_len: [4, 16]"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"own_batches_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(OWN_MODELS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def proxies(module: str, name: str, ladder: str, more: str = "") -> ProxyFactory:
    text = OWN_RECIPE.replace("MODULE", module).replace("CALLABLE", name).replace("MORE", more)
    seq_len = ", seq_len: 4" if "seq_len" in ladder else ""
    return ProxyFactory(loads(text.replace("LADDER", ladder).replace("SEQ", seq_len)).recipe)


def examine(factory: ProxyFactory) -> None:
    require_own_batches(factory, factory.rungs)


def test_batches_that_stay_are_refused(module: str) -> None:
    message = r"the same at batch 16 and 64: let it take an argument batch$"
    with pytest.raises(InputError, match=message) as raised:
        examine(proxies(module, "fixed", BATCH))
    assert raised.value.path == ("ladder", "batch")


def test_sequences_that_stay_are_refused(module: str) -> None:
    with pytest.raises(InputError, match=r"the same at seq_len 4 and 16: name the argument"):
        examine(proxies(module, "fixed", LENGTH))


def test_batches_that_follow_pass_and_so_do_other_axes(module: str) -> None:
    examine(proxies(module, "grows", BATCH))
    examine(proxies(module, "longer", LENGTH, ", seq_len: {length: 1}"))
    examine(proxies(module, "fixed", "width: [8, 16]"))


def test_a_callable_that_takes_the_batch_gets_the_examples_of_a_step(module: str) -> None:
    factory = proxies(module, "grows", BATCH)
    counts = []
    for size in factory.rungs:
        draw = build(factory.recipe, size).batch
        assert draw is not None
        counts.append(len(draw(0)["x"]))
    assert counts == [16, 64]
    fixed = proxies(module, "grows", BATCH, ", args: {batch: 5}")
    draw = build(fixed.recipe, fixed.rungs[1]).batch
    assert draw is not None and len(draw(0)["x"]) == 5  # the recipe's own argument stands
