"""Sequence length as an axis: model, data, tokens and files follow the size."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.parameterization.from_recipe import plan_config_of
from mutransfer_cli.parameterization.rules.disputed_rules import choices_of
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import base_size, recipe_target, rungs, tokens_per_example
from mutransfer_cli.train.batches import data_stream

RECIPE = """
name: sequences
model: {build: gpt, args: {head_dim: 8}}
data: {source: stdlib}
base: {width: 16, depth: 1, batch: 4, tokens: 640, seq_len: 16}
ladder: {seq_len: [8, 16]}
target: {seq_len: 32, tokens: 6400}
"""


def test_tokens_count_by_the_length_of_each_size() -> None:
    recipe = loads(RECIPE).recipe
    assert recipe.data.seq_len == 16
    assert base_size(recipe).steps == 640 // (4 * 16)
    target = recipe_target(recipe)
    assert tokens_per_example(recipe, target) == 32 and target.steps == 6400 // (4 * 32)
    assert [(r.seq_len, r.steps) for r in rungs(recipe)] == [(8, 10), (16, 10)]  # type: ignore[attr-defined]  # a further size


def test_models_and_batches_have_the_length_of_their_size() -> None:
    factory = ProxyFactory(loads(RECIPE).recipe)
    for size in (*rungs(factory.recipe), recipe_target(factory.recipe)):
        length = size.as_dict()["seq_len"]
        subject = factory.build(size, 0, factory.plan(size))
        assert subject.model.get_parameter("position.weight").shape == (length, 16)
        inputs, targets = data_stream(factory, subject, size, seed=0).batch(0)
        assert inputs.shape == targets.shape == (4, length)
        assert subject.loss is not None and subject.loss(subject.model, (inputs, targets)) > 0


def test_nothing_follows_the_length_and_the_plan_says_so() -> None:
    factory = ProxyFactory(loads(RECIPE, sets=["target.tokens=null"]).recipe)
    plan, base = factory.plan(recipe_target(factory.recipe)), factory.plan(factory.base)
    assert {t.name: t.lr for t in plan.tensors} == {t.name: t.lr for t in base.tensors}
    config = plan_config_of(factory.recipe)
    assert any("length of sequences" in c.what for c in choices_of(config, plan))
    assert not any("length of sequences" in c.what for c in choices_of(config, base))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("base={width: 16}", "ladder.seq_len: needs base.seq_len"),
        ("data.seq_len=32", "base.seq_len: expected that of data.seq_len, 32"),
    ],
)
def test_lengths_that_contradict_each_other_are_refused(change: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        loads(RECIPE, sets=[change])


def test_data_without_sequences_have_no_length() -> None:
    text = 'name: t\nmodel: {build: "a:b"}\ndata: {source: teacher}\nbase: {width: 8, seq_len: 4}'
    with pytest.raises(InputError, match="teacher has no sequences"):
        loads(text)
