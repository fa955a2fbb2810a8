"""The code at the head of a file runs as it stands, with the names that it says to fill in.

Formats whose lines start a program of the stack are started by `make stacks`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mutransfer_cli.emit.scale import scale
from mutransfer_cli.models.builder import build
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.size import Size
from tests.helpers.emit_recipes import emit_recipe, small_recipe

CODE = re.compile(r"^(from|import|model|plan|optimizer|scheduler|arguments|mutransfer_trainer)\b")


def head_lines(text: str, name: str) -> str:
    """The code at a file's head; `name` is the module that it is imported as."""
    head = text[: text.index("# Fill in")]
    lines = [x.removeprefix("# ") for x in head.splitlines() if CODE.match(x.removeprefix("# "))]
    assert name in "\n".join(lines)
    return "\n".join(lines)


def written(folder: Path, monkeypatch: pytest.MonkeyPatch, recipe: Path, format: str) -> str:
    """The text of the file, which can be imported."""
    width = 32 if format in ("torch", "lightning") else 256
    found = scale(recipe, width=width, format=format)
    found.write(folder)
    monkeypatch.syspath_prepend(folder)
    return found.text()


def test_a_training_script_with_the_torch_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe(tmp_path)
    text = written(tmp_path, monkeypatch, recipe, "torch")
    model = build(load(recipe).recipe, Size(32, 1, 4, 10)).model
    lines = head_lines(text, "mutransfer_plan").replace("model = ...", "model = yours")
    names: dict[str, Any] = {"yours": model}
    exec(lines, names)
    tokens = torch.arange(36).view(4, 9)
    losses = []
    for _ in range(10):
        logits = model(tokens[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        names["optimizer"].zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), names["plan"].CLIP)
        names["optimizer"].step()
        names["scheduler"].step()
        losses.append(float(loss))
    assert losses[-1] < losses[0] - 0.1


@pytest.mark.parametrize("format", ["hf", "hf-granite"])
def test_a_training_script_with_trainer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    text = written(tmp_path, monkeypatch, emit_recipe(tmp_path, "llama"), format)
    rows = [{"input_ids": (torch.arange(9) + i) % 256} for i in range(80)]
    for row in rows:
        row["labels"] = row["input_ids"].clone()
    names: dict[str, Any] = {
        "TrainingArguments": transformers.TrainingArguments, "OUT": str(tmp_path / "out"),
        "DATA": rows,
    }  # fmt: skip
    exec(head_lines(text, f"mutransfer_{format.removeprefix('hf-')}"), names)
    assert (tmp_path / "out").is_dir() or names["arguments"].max_steps == 20
    before, after = names["build"](), names["model"]
    assert not torch.equal(before.lm_head.weight, after.lm_head.weight)  # it was trained


def test_a_lightning_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    recipe = small_recipe(tmp_path)
    text = written(tmp_path, monkeypatch, recipe, "lightning")
    head = text[: text.index("# Fill in")]
    (imported,) = re.findall(r"^# (import mutransfer_lightning as plan)", head, re.M)
    (method,) = re.findall(
        r"^#     (def configure_optimizers.*)\n#         (return .*)", head, re.M
    )
    (call,) = re.findall(r"^# (Trainer\(.*\))", head, re.M)
    names: dict[str, Any] = {"Trainer": pl.Trainer}
    monkeypatch.chdir(tmp_path)  # where the trainer writes its log
    exec("\n".join([imported, method[0], f"    {method[1]}", f"trainer = {call}"]), names)
    model = build(load(recipe).recipe, Size(32, 1, 4, 10)).model

    class Module(pl.LightningModule):
        configure_optimizers = names["configure_optimizers"]

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
            logits = self.model(batch[:, :-1])
            return F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())

    batches = list(torch.arange(360).view(10, 4, 9) % 256)
    names["trainer"].fit(Module(), torch.utils.data.DataLoader(batches, batch_size=None))
    assert names["trainer"].global_step == 10
