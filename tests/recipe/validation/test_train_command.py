"""The command of a user's own program: what is refused."""

from __future__ import annotations

import pytest

from mutransfer_cli.recipe.load import loads
from tests.helpers.recipes import GOOD, refused

LOSS = "loss: {file: '{out}/m.json', key: val_loss}"


def train(command: str, loss: str = LOSS, more: str = "") -> str:
    return f"{GOOD}train:\n  command: {command}\n  {loss}\n{more}"


ALL = "a.py {plan} {width} {depth} {batch} {steps} {seed} {out} {device} {python} {lr} {beta2}"


@pytest.mark.parametrize(
    "command",
    [ALL, "a.py --json '{\"a\": 1}' {}", "'{optimizer.lr}'", "a 'b c' d", "a $HOME ${1}"],
)
def test_good_commands(command: str) -> None:
    text = train(f"|-\n    {command}", more="search: {space: {optimizer.lr: {log2: [-9, -3]}}}\n")
    recipe = loads(text).recipe
    assert recipe.train is not None and recipe.train.slots == 1


REFUSED = [
    (train("x {lrr}"), "11:12: train.command: {lrr}: no such placeholder; did you mean 'lr'?"),
    (train("x {clip}"), "11:12: train.command: {clip}: clip is null; give it a value"),
    (train("x 'y"), "11:12: train.command: cannot be split into words: No closing quotation"),
    (train("'  '"), "11:12: train.command: expected a program and its arguments, found nothing"),
    (train("''"), "11:12: train.command: expected text, found ''"),
    (train("x", "slots: 2"), "10:1: train.loss: missing"),
    (train("x", "loss: {}"), "12:9: train.loss: give {file: ..., key: ...} or {regex: ...}"),
    (train("x", "loss: {file: a}"), "12:9: train.loss: give {file: ..., key: ...} or {regex: "),
    (train("x", "loss: {regex: 'a [0-9]+'}"), "12:9: train.loss: regex needs exactly one group, f"),
    (train("x", "loss: {regex: '(a'}"), "12:9: train.loss: regex is not a pattern: missing )"),
    (
        train("x", "loss: {file: '{o}/a', key: b}"),
        "12:16: train.loss.file: {o}: no such placeholder",
    ),
    (
        train("x", "loss: {file: /tmp/a.json, key: b}"),
        "12:16: train.loss.file: every trial would write to it: expected a file such as {out}/",
    ),
    (
        train("x", more="search: {objective: train_loss}\n"),
        "13:21: search.objective: with a program of your own the objective is what",
    ),
    (train("x", more="  precision: bf16\n"), "13:14: train.precision: the program of train"),
    (train("x", more="  accumulate: 2\n"), "13:15: train.accumulate: the program of train"),
    (
        f"{GOOD}train: {{accumulate: 7}}\n",
        "10:21: train.accumulate: a batch of 16 cannot be cut into 7 equal parts; expected a div",
    ),
    (f"{GOOD}train: {{slots: 2}}\n", "10:16: train.slots: belongs to train.command, which is"),
    (f"{GOOD}train: {{precision: fp8}}\n", "10:20: train.precision: expected"),
    (train("x", more="  slots: 0\n"), "13:10: train.slots: expected at least 1, found 0"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), REFUSED)
def test_refused(text: str, line: str) -> None:
    assert refused(text).startswith("r.yaml:" + line)


def test_training_as_in_the_large_run() -> None:
    """Without a command the built-in loop trains; an empty section changes nothing."""
    recipe = loads(f"{GOOD}train: {{precision: bf16, accumulate: 2}}\n").recipe
    assert recipe.train is not None and recipe.program is None
    assert (recipe.train.precision, recipe.train.accumulate) == ("bf16", 2)
    empty = loads(f"{GOOD}train: {{}}\n").recipe.train
    assert empty is not None and (empty.precision, empty.accumulate) == ("float32", 1)
    own = loads(train("x")).recipe.program
    assert own is not None and (own.command, own.slots) == ("x", 1)
