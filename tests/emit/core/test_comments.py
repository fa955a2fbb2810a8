"""Comments in emitted files do not change what the files say."""

from __future__ import annotations

import yaml

from mutransfer_cli.emit.core.comments import comment_block, commented_yaml

VALUES = {"b": {"lr": 0.1, "text": "lr: 3"}, "a": [{"lr": 2, "std": 1}, {"std": 2}], "lr": None}


def test_a_block() -> None:
    assert comment_block(["one", "", "two"]) == "# one\n#\n# two\n"
    assert comment_block([]) == ""


def test_comments_follow_their_keys_at_any_depth() -> None:
    text = commented_yaml(VALUES, {"lr": "a rate"})
    lines = [line for line in text.splitlines() if line.endswith("  # a rate")]
    assert [line.split("#")[0].strip() for line in lines] == ["lr: 0.1", "- lr: 2", "lr: null"]
    assert list(yaml.safe_load(text)) == ["b", "a", "lr"]  # in the order of the values


def test_the_values_are_those_without_comments() -> None:
    assert yaml.safe_load(commented_yaml(VALUES, {"lr": "a rate", "std": "x"})) == VALUES
    assert "#" not in commented_yaml(VALUES, {})
