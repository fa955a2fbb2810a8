"""torchtitan's DistMuon has one group: a convention in which all matrices have the same rate."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mutransfer_cli.emit.scale import scale
from mutransfer_cli.errors import InputError
from tests.helpers.emit_recipes import emit_recipe

MUON = ["optimizer.name=muon", "optimizer.lr=0.02", "optimizer.adamw_lr=0.01", "clip=null"]


def emitted(path: Path, *sets: str, **options: Any) -> dict[str, Any]:
    """The values of the file."""
    text = scale(path, sets=[*MUON, *sets], width=128, format="torchtitan", **options).text()
    values = re.search(r"^STOCK_CONFIG = .*?(?=^LR_SCHEDULER)", text, re.M | re.S)
    assert values is not None
    scope: dict[str, Any] = {}
    exec(values[0], scope)
    return scope


@pytest.mark.parametrize(
    ("convention", "name", "lr"),
    [
        ("original", "original", 0.02),
        ("dion", "spectral_unclamped", 0.02),
        # √max(out, in) is √2 as large as at the base: 0.02/√2, and 1/0.2 of it
        ("spectral", "match_rms_adamw", 0.02 / 2**0.5 / 0.2),
    ],
)
def test_one_rate_in_the_stacks_convention(
    tmp_path: Path, convention: str, name: str, lr: float
) -> None:
    values = emitted(emit_recipe(tmp_path, "llama"), f"optimizer.adjust_lr={convention}")
    muon = values["MUON"]
    assert muon["adjust_lr_fn"] == name and muon["lr"] == pytest.approx(lr)
    assert muon["lr"] * muon["weight_decay"] == pytest.approx(0.02 * 0.1)
    assert values["MUON_MODULES"] == ("wq", "wk", "wv", "wo", "w1", "w2", "w3")
    assert not any("w1" in pattern for pattern, _ in values["GROUPS"])


def test_without_muon_there_is_none(tmp_path: Path) -> None:
    adamw = ["optimizer.name=adamw", "optimizer.adamw_lr=null"]
    values = emitted(emit_recipe(tmp_path, "llama"), *adamw)
    assert values["MUON"] is None and any("w1" in pattern for pattern, _ in values["GROUPS"])


def test_several_rates_are_refused(tmp_path: Path) -> None:
    """torchtitan has no multiplier on branches: their matrices absorb that of completep."""
    path = emit_recipe(tmp_path, "llama-completep")
    with pytest.raises(InputError, match="has one rate and one decay for all matrices"):
        emitted(path, depth=4)
    found = scale(path, sets=MUON, width=128, depth=4, format="torchtitan", allow_deviations=True)
    rates = [d.what for d in found.document.deviations if d.what.startswith("lr of")]
    assert rates == [
        "lr of model.layers.*.self_attn.o_proj.weight, model.layers.*.mlp.down_proj.weight"
    ]
