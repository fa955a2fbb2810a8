"""Format automodel: what its command line demands; `make stacks` runs the file in it."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import pytest
import yaml

from mutransfer_cli.emit.scale import scale
from tests.helpers.emit_recipes import emit_recipe


def written(folder: Path, case: str) -> tuple[str, dict[str, Any]]:
    """The text of automodel.yaml and its values."""
    text = scale(emit_recipe(folder, case), width=256, format="automodel").files["automodel.yaml"]
    return text, yaml.safe_load(text)


def test_a_file_that_the_command_starts_from(tmp_path: Path) -> None:
    text, values = written(tmp_path, "llama")
    assert values["recipe"] == "TrainFinetuneRecipeForNextTokenPrediction"
    model = values["model"]  # `from_config(config, torch_dtype="auto")`, where auto is bfloat16
    assert (model["config"], model["torch_dtype"]) == ("./", "float32")
    assert "pretrained_model_name_or_path" not in text
    steps = values["step_scheduler"]
    assert steps["global_batch_size"] % steps["local_batch_size"] == 0
    assert values["dataset"]["seq_len"] == 8
    header = text[: text.index("\nrecipe:")]
    assert "Fill in: the data (FILL_IN)" in header and "FILL_IN/" in text


@pytest.mark.parametrize(("case", "norm"), [("llama", 1.0), ("granite-own", inf)])
def test_no_clipping_is_written(tmp_path: Path, case: str, norm: float) -> None:
    """Automodel clips at 1.0 where the key is missing or null."""
    assert written(tmp_path, case)[1]["clip_grad_norm"]["max_norm"] == norm
