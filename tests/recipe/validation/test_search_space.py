"""Names and ranges in `search.space` that no trial could use."""

from __future__ import annotations

import pytest

from mutransfer_cli.recipe.load import loads
from tests.helpers.recipes import GOOD, refused

SPACES = [
    ("search: {space: {rl: {log2: [0, 1]}}}", "10:18: search.space.rl: unknown name"),
    ("search: {space: {base.width: {log2: [5, 6]}}}", "10:18: search.space.base.width: not a hyp"),
    ("search: {space: {optimizer: {log2: [5, 6]}}}", "10:18: search.space.optimizer: not a single"),
    (
        "search: {space: {lr: {linear: [0, 1]}}}",
        "10:31: search.space.lr.linear: 0 cannot be used: optimizer.lr: expected above 0",
    ),
    (
        "search: {space: {lr: {log2: [0, 1]}, optimizer.lr: {log2: [0, 1]}}}",
        "10:38: search.space.optimizer.lr: the same as lr",
    ),
    (
        "search: {sampler: independent, space: {lr: {log2: [-9, -3]}, init_std: {log2: [-5, 0]}}}",
        "10:62: search.space.init_std: independent starts at the recipe's own value",
    ),
]


NO_EFFECT = [  # optimizer, name in search.space, what the optimizer takes
    ("lion", "momentum", "lr, beta1, beta2, weight_decay"),
    ("lion", "eps", "lr, beta1, beta2, weight_decay"),
    ("adamw", "momentum", "lr, beta1, beta2, eps, weight_decay"),
    ("adam", "optimizer.adamw_lr", "lr, beta1, beta2, eps, weight_decay"),
    ("sgd", "eps", "lr, weight_decay, momentum"),
    ("sgd", "beta1", "lr, weight_decay, momentum"),
    ("sgd", "optimizer.betas.1", "lr, weight_decay, momentum"),
    ("adafactor", "beta2", "lr, weight_decay"),
]
EFFECT = [
    ("lion", "beta2"),
    ("adamw", "eps"),
    ("sgd", "momentum"),
    ("muon", "momentum"),
    ("muon", "eps"),
    ("muon", "beta1"),  # of AdamW, which trains the rest
    ("muon", "optimizer.adamw_lr"),
    ("adafactor", "weight_decay"),
    ("lion", "lr_factors.hidden"),
    ("lion", "warmup"),
]


def searching(optimizer: str, name: str) -> str:
    space = f"search: {{space: {{{name}: {{linear: [0.1, 0.2]}}}}}}\n"
    return (
        GOOD.replace("lr: 0.01", f"{{name: {optimizer}}}").replace("optimizer:\n  ", "optimizer: ")
        + space
    )


@pytest.mark.parametrize(("optimizer", "name", "takes"), NO_EFFECT)
def test_a_hyperparameter_without_effect_cannot_be_searched(
    optimizer: str, name: str, takes: str
) -> None:
    line = f"search.space.{name}: {optimizer} does not take it; {optimizer} takes {takes}"
    assert refused(searching(optimizer, name)).endswith(line)
    text = searching(optimizer, "lr")
    assert loads(text, sets=["optimizer.eps=1e-7", "optimizer.betas=[0.8, 0.9]"]).recipe.search


@pytest.mark.parametrize(("optimizer", "name"), EFFECT)
def test_a_hyperparameter_with_an_effect_can_be_searched(optimizer: str, name: str) -> None:
    assert name in loads(searching(optimizer, name)).recipe.search.space


def test_a_command_may_use_what_the_optimizer_does_not() -> None:
    """The user's own program may give it a meaning, if the command names it."""
    train = "train: {command: 'python train.py%s', loss: {regex: 'loss (.*)'}}\n"
    text = searching("lion", "momentum")
    assert refused(text + train % "").endswith("takes lr, beta1, beta2, weight_decay")
    assert loads(text + train % " --m {momentum}").recipe.train


@pytest.mark.parametrize(("tail", "line"), SPACES)
def test_spaces_that_cannot_be_searched(tail: str, line: str) -> None:
    assert refused(GOOD + tail + "\n").startswith("r.yaml:" + line)
