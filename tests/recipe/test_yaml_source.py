"""Every error is one line that begins with its position, counted by hand in the text."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.yaml_source import parse
from tests.helpers.recipes import GOOD, change, refused

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
    ("[" * 5000, "1:1: not YAML: brackets nested too deeply"),
    ("name: " + "9" * 5000, "1:7: name: not a value of type int: '999"),
]


@pytest.mark.parametrize(("text", "line"), YAML)
def test_what_is_no_recipe_at_all(text: str, line: str) -> None:
    assert refused(text).startswith("r.yaml:" + line)


def test_a_long_file_is_read_no_further_than_its_bound() -> None:
    """A list and ten numbers are as many nodes as five values with keys; then comes no YAML."""
    assert parse("{a: 1, b: 2, c: [3]}", "r.yaml", 5).data["c"] == [3]
    with pytest.raises(InputError, match=r"more than 5 values") as caught:
        parse("- 1\n" * 12 + "]]", "r.yaml", 5)
    assert caught.value.position == "r.yaml:11:3"


def test_aliases_of_aliases_do_not_explode() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for i in range(1, 12):
        lines.append(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]")
    assert "more than 20000 values" in refused("\n".join(lines))


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
