"""Every error of the schema is one line that begins with its position, counted by hand."""

from __future__ import annotations

import pytest

from mutransfer_cli.catalog.models import MODELS
from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.catalog.sources import SOURCES
from mutransfer_cli.recipe.load import loads
from tests.helpers.recipes import GOOD, MLP, change, refused
from tests.helpers.registries import choices


def test_the_recipes_that_are_broken_below_are_good() -> None:
    assert loads(GOOD).recipe.optimizer.lr == 0.01
    assert loads(MLP).recipe.model.args["d_in"] == 256


# (what is replaced, by what, the whole beginning of the line)
SCHEMA = [
    ("  lr: 0.01", "  lrr: 0.01", "6:3: optimizer.lrr: unknown key; did you mean 'lr'? (known: "),
    ("lr: 0.01", "lr: abc", "6:7: optimizer.lr: expected a number, found 'abc'"),
    ("lr: 0.01", "lr: 0", "6:7: optimizer.lr: expected above 0, found 0"),
    ("lr: 0.01", "lr: -1", "6:7: optimizer.lr: expected above 0, found -1"),
    ("lr: 0.01", "lr: true", "6:7: optimizer.lr: expected a number, found true"),
    ("lr: 0.01", "lr: .nan", "6:7: optimizer.lr: expected a finite number, found nan"),
    ("lr: 0.01", "lr: 1e999", "6:7: optimizer.lr: expected a finite number, found inf"),
    ("lr: 0.01", "lr:", "6:6: optimizer.lr: expected a number, found null"),
    ("lr: 0.01", "betas: [0.9]", "6:10: optimizer.betas: expected two numbers in brackets, "),
    ("lr: 0.01", "betas: [0.9, 1.0]", "6:16: optimizer.betas.1: expected below 1, found 1.0"),
    ("lr: 0.01", "name: adamx", f"6:9: optimizer.name: expected {choices(OPTIMIZERS)}, found"),
    ("width: 32}", "width: abc}", "8:15: base.width: expected an integer, found 'abc'"),
    ("width: 32}", "width: 1.5}", "8:15: base.width: expected an integer, found 1.5"),
    ("width: 32}", "width: 0}", "8:15: base.width: expected at least 1, found 0"),
    ("{width: 32}", "{depth: 2}", "8:1: base.width: missing"),
    ("{width: 32}", "{width: 32, steps: 5, tokens: 9999}", "8:7: base: give steps or tokens, "),
    ("{width: 32}", "32", "8:7: base: expected a mapping, found 32"),
    ("name: tiny", "name: a/b", "1:7: name: expected letters, digits"),
    ("name: tiny", "name: 12", "1:7: name: expected text, found 12"),
    ("name: tiny\n", "", "1:1: name: missing; a recipe needs name, model, data and base"),
    ("build: gpt", "build: gtp", f"3:10: model.build: expected {choices(MODELS)}"),
    ("source: stdlib", "source: lib", f"7:16: data.source: expected {choices(SOURCES)}"),
    ("[32, 64]", "64", "9:17: ladder.width: expected a list, found 64"),
    ("[32, 64]", "[32, x]", "9:22: ladder.width.1: expected an integer, found 'x'"),
]


@pytest.mark.parametrize(("old", "new", "line"), SCHEMA)
def test_schema_errors_have_their_position(old: str, new: str, line: str) -> None:
    assert refused(change(old, new)).startswith("r.yaml:" + line)


TAIL = [
    ("schedule: {warmup: 1.5}", "10:20: schedule.warmup: expected at most 1, found 1.5"),
    ("schedule: {name: wsd, warmup: 0.9}", "10:11: schedule: warmup and decay are shares"),
    ("init: {from: nowhere}", "10:14: init.from: expected fan_in | model, found 'nowhere'"),
    ("init: {std: 0}", "10:13: init.std: expected above 0, found 0"),
    ("rules: {depth_alpha: 0.4}", "10:22: rules.depth_alpha: expected at least 0.5, found 0.4"),
    ("rules: {decay: some}", "10:16: rules.decay: expected matrices | all or a list"),
    ("roles: [{match: x, role: hiden}]", "10:26: roles.0.role: expected input | hidden |"),
    ("roles: [{match: x}]", "10:9: roles.0.role: missing"),
    ("lr_factors: {readout: 0}", "10:23: lr_factors.readout: expected above 0, found 0"),
    ("clip: 0", "10:7: clip: expected above 0, found 0"),
    ("search: {seeds: 0}", "10:17: search.seeds: expected at least 1, found 0"),
    ("search: {space: {lr: {}}}", "10:22: search.space.lr: give exactly one of log2, log10"),
    ("search: {space: {lr: {log2: [1, 0]}}}", "10:22: search.space.lr: the low end comes first"),
    ("search: {space: {lr: {log2: [0, 1], step: 0}}}", "10:43: search.space.lr.step: expected "),
    ("search: {space: {lr: {log2: [0, 1], step: 2}}}", "10:22: search.space.lr: step 2 is longer"),
    ("search: {space: {lr: {choice: []}}}", "10:31: search.space.lr.choice: expected a list with"),
    ("search: {space: {lr: {choice: [1], step: 1}}}", "10:22: search.space.lr: a choice has no"),
    ("serch: {}", "10:1: serch: unknown key; did you mean 'search'?"),
    ("train: {command: x, loss: {}}", "10:27: train.loss: give {file: ..., key: ...} or {regex"),
    ("train: {command: x, loss: {regex: '('}}", "10:27: train.loss: regex is not a pattern"),
    (
        "train: {command: x, loss: {regex: '(a)', best: 1}}",
        "10:27: train.loss: best belongs to maximize: true",
    ),
    ("train: {command: x, loss: {regex: 'a'}}", "10:27: train.loss: regex needs exactly one"),
]


@pytest.mark.parametrize(("tail", "line"), TAIL)
def test_errors_in_further_sections(tail: str, line: str) -> None:
    assert refused(GOOD + tail + "\n").startswith("r.yaml:" + line)
