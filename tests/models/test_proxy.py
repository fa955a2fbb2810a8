"""What can be planned and not trained is refused before any training."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.coordcheck.entry import check_target
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.estimate import dry_run
from mutransfer_cli.search.sweep import sweep
from tests.helpers.proxies import plan_for

TEXT = """
name: unit
model: {build: gpt, args: {vocab_size: 256, head_dim: 16}}
parameterization: umup
optimizer: {name: adamw, lr: 0.5, betas: [0.9, 0.95], eps: 1.0e-10, weight_decay: 0.0}
data: {source: stdlib, seq_len: 16}
base: {width: 64, depth: 2, batch: 8, steps: 20}
ladder: {width: [32, 64]}
"""


@pytest.mark.parametrize("name", ["shampoo", "soap"])
def test_optimizers_that_torch_lacks_are_planned_and_not_trained(tmp_path: Path, name: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(TEXT.replace("adamw", name).replace("umup", "mup"))
    loaded = load(path)
    assert plan_for(loaded.recipe, Size(128, 2, 8, 20)).optimizer == name
    for refused in (
        lambda: sweep(loaded, tmp_path / "run"),
        lambda: dry_run(loaded),
        lambda: check_target(str(path)),
    ):
        with pytest.raises(InputError, match=rf"optimizer.name: torch \S+ has no {name}"):
            refused()
    assert not (tmp_path / "run").exists()


def test_umup_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(
        TEXT.replace("build: gpt, args: {vocab_size: 256, head_dim: 16}", "build: hf:gpt2")
    )
    with pytest.raises(InputError, match="umup trains the built-in gpt only"):
        dry_run(load(path))
