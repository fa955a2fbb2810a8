"""Every error is one line that begins with its place, counted by hand in the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import load, loads

GOOD = """\
name: tiny
model:
  build: gpt
  args: {head_dim: 16}
optimizer:
  lr: 0.01
data: {source: stdlib}
base: {width: 32}
ladder: {width: [32, 64]}
"""
MLP = (
    GOOD.replace("gpt", "mlp")
    .replace("args: {head_dim: 16}", "args: {}")
    .replace("stdlib", "teacher")
)


def refused(text: str, *sets: str) -> str:
    with pytest.raises(InputError) as caught:
        loads(text, "r.yaml", sets)
    line = str(caught.value)
    assert "\n" not in line
    return line


def change(old: str, new: str, text: str = GOOD) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


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
    ("lr: 0.01", "name: adamx", "6:9: optimizer.name: expected adamw | adam | sgd | lion | "),
    ("width: 32}", "width: abc}", "8:15: base.width: expected an integer, found 'abc'"),
    ("width: 32}", "width: 1.5}", "8:15: base.width: expected an integer, found 1.5"),
    ("width: 32}", "width: 0}", "8:15: base.width: expected at least 1, found 0"),
    ("{width: 32}", "{depth: 2}", "8:1: base.width: missing"),
    ("{width: 32}", "{width: 32, steps: 5, tokens: 9999}", "8:7: base: give steps or tokens, "),
    ("{width: 32}", "32", "8:7: base: expected a mapping, found 32"),
    ("name: tiny", "name: a/b", "1:7: name: expected letters, digits"),
    ("name: tiny", "name: 12", "1:7: name: expected text, found 12"),
    ("name: tiny\n", "", "1:1: name: missing; a recipe needs name, model, data and base"),
    ("build: gpt", "build: gtp", "3:10: model.build: expected mlp | gpt | convnet"),
    ("source: stdlib", "source: lib", "7:16: data.source: expected stdlib | text"),
    ("[32, 64]", "64", "9:17: ladder.width: expected a list, found 64"),
    ("[32, 64]", "[32, x]", "9:22: ladder.width.1: expected an integer, found 'x'"),
]


@pytest.mark.parametrize(("old", "new", "line"), SCHEMA)
def test_schema_errors_have_their_place(old: str, new: str, line: str) -> None:
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
    ("serch: {}", "10:1: serch: unknown key; did you mean 'search'?"),
    ("train: {command: x, loss: {}}", "10:27: train.loss: give {file: ..., key: ...} or {regex"),
    ("train: {command: x, loss: {regex: '('}}", "10:27: train.loss: regex is not a pattern"),
    ("train: {command: x, loss: {regex: 'a'}}", "10:27: train.loss: regex needs exactly one"),
]


@pytest.mark.parametrize(("tail", "line"), TAIL)
def test_errors_in_further_sections(tail: str, line: str) -> None:
    assert refused(GOOD + tail + "\n").startswith("r.yaml:" + line)


def test_the_first_of_several_errors_is_told() -> None:
    text = change("width: 32}", "width: x}").replace("head_dim: 16", "head_dim: 16, n_head: 2")
    assert refused(text).startswith("r.yaml:8:15: base.width")  # the only one of the schema's
    text = GOOD.replace("lr: 0.01", "lr: x").replace("{width: 32}", "{width: y, widht: 3}")
    assert refused(text).startswith("r.yaml:6:7: optimizer.lr")


YAML = [
    ("name: [1, 2\nmodel: x\n", "2:6: not YAML: "),
    ("name: a\nname: b\n", "2:1: name: given twice (first at 1:1)"),
    ("name: a\n\tmodel: b\n", "2:1: not YAML: "),
    ("name: !!python/name:os.system x\n", "1:7: name: the tag !!python/name:os.system is not"),
    ("name: !mine x\n", "1:7: name: the tag !mine is not allowed"),
    ("name: &a [*a]\n", "1:7: name.0: an anchor that contains itself"),
    ("name: *a\n", "1:7: not YAML: found undefined alias"),
    ("? [a, b]\n: c\n", "1:3: expected a word as key"),
    ("name: a\x07b\n", "1:8: not YAML: the character"),
    ("--- \nname: a\n--- \nname: b\n", "3:1: not YAML: expected a single document"),
    ("- name\n", "1:1: expected a mapping"),
    ("", "1:1: the recipe is empty"),
    ("# only a comment\n", "1:1: the recipe is empty"),
    ("[" * 5000, "1:1: not a recipe: brackets nested too deeply"),
    ("name: " + "9" * 5000, "1:7: name: not a value of type int: '999"),
]


@pytest.mark.parametrize(("text", "line"), YAML)
def test_what_is_no_recipe_at_all(text: str, line: str) -> None:
    assert refused(text).startswith("r.yaml:" + line)


def test_aliases_of_aliases_do_not_explode() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for i in range(1, 12):
        lines.append(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]")
    assert "more than 100000 values" in refused("\n".join(lines))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    def told(path: Path) -> str:
        with pytest.raises(InputError) as caught:
            load(path)
        return str(caught.value)

    assert told(tmp_path / "no.yaml").endswith(
        "no.yaml: no such file; `mutransfer init` writes a recipe"
    )
    assert ": a directory; expected a recipe file" in told(tmp_path)
    bad = tmp_path / "latin.yaml"
    bad.write_bytes(b"name: x\nmodel: caf\xe9\n")
    assert told(bad) == f"{bad}:2:11: not UTF-8 text (byte 0xe9)"
    good = tmp_path / "good.yaml"
    good.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())  # a byte order mark is no fault
    assert load(good).path == good


@pytest.mark.parametrize(
    ("written", "value"),
    [("1e-8", 1e-8), ("1E-8", 1e-8), ("1.e-8", 1e-8), (".5", 0.5), ("1.0e-10", 1e-10), ("1", 1.0)],
)
def test_numbers_that_yaml_1_1_takes_for_text(written: str, value: float) -> None:
    assert loads(change("lr: 0.01", f"eps: {written}")).recipe.optimizer.eps == value


@pytest.mark.parametrize("written", ["yes", "off", "2024-01-01", "on"])
def test_words_that_yaml_1_1_takes_for_something_else(written: str) -> None:
    assert loads(change("name: tiny", f"name: {written}")).recipe.name == written


def test_anchors_and_merge_keys() -> None:
    text = GOOD + "target: &t {width: 64}\n"
    text = text.replace("base: {width: 32}\n", "") + "base: {<<: *t, width: 32, depth: 2}\n"
    recipe = loads(text).recipe
    assert recipe.target is not None
    assert (recipe.target.width, recipe.base.width) == (64, 32)
    text = text.replace("{width: 64}", "{width: 64, witdh: 1}")
    assert refused(text).startswith("r.yaml:9:24: base.witdh: unknown key; did you mean 'width'?")
