"""Entries of a config: from a type, from a file, and from neither."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.huggingface.config_entries import (
    HEAD_COUNT,
    HIDDEN_SIZE,
    first_entry,
    known_config,
)

pytest.importorskip("transformers")


def test_the_first_name_that_has_a_number() -> None:
    assert first_entry({"n_embd": 8, "dim": 4}, HIDDEN_SIZE) == "n_embd"
    assert first_entry({"hidden_size": None, "dim": 4}, HIDDEN_SIZE) == "dim"
    assert first_entry({"hidden_size": "8"}, HIDDEN_SIZE) is None
    assert first_entry({"hidden_size": 8}, HEAD_COUNT) is None


def test_a_type_has_its_defaults() -> None:
    """GPT-2's published sizes."""
    config = known_config("gpt2")
    assert not config.from_file and config.model_type == "gpt2"
    assert {key: config.values[key] for key in ("n_embd", "n_layer", "n_head")} == {
        "n_embd": 768, "n_layer": 12, "n_head": 12,
    }  # fmt: skip


def test_a_file_adds_to_the_defaults_and_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "gpt2", "n_embd": 64, "own": 1}))
    config = known_config(str(path))
    assert config.from_file
    assert (config.values["n_embd"], config.values["n_layer"], config.values["own"]) == (64, 12, 1)
    path.write_text(json.dumps({"model_type": "gpt2", "n_embd": 128}))
    assert known_config(str(path)).values["n_embd"] == 128


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"model_type": "none-such"}', "model_type is 'none-such', which transformers"),
        ('{"n_embd": 8}', "model_type is 'None'"),
        ("[]", "model_type is 'missing'"),
        ("{", "not a JSON file"),
        (None, "cannot be read: No such file"),
    ],
)
def test_files_that_are_no_config(tmp_path: Path, text: str | None, line: str) -> None:
    path = tmp_path / "config.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=line) as caught:
        known_config(str(path))
    assert caught.value.path == ("model", "build")


def test_an_unknown_type() -> None:
    with pytest.raises(InputError, match=r"hf:none-such: transformers .* has no such model type"):
        known_config("none-such")
