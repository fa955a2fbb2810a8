"""Format torchtitan, on a stand-in for its configs."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from torch import nn

from mutransfer_cli.emit.scale import scale
from tests.helpers.emit_readers import executed
from tests.helpers.emit_recipes import emit_recipe


@dataclasses.dataclass
class Part:
    """A config of torchtitan's: a dataclass with `param_init`."""

    param_init: Any = None


def test_torchtitan_recipe_on_a_stand_in(tmp_path: Path) -> None:
    """Its documented interface alone: nested dataclasses, ordered groups, no match is an error."""
    found = scale(emit_recipe(tmp_path, "llama"), width=256, format="torchtitan")
    file = executed(found.text())

    def config_of(name: str, **values: Any) -> Any:
        return dataclasses.make_dataclass(name, [(k, Any) for k in values])(**values)

    layers = [
        config_of(
            "Layer",
            attention=config_of("Attention", wq=Part(), wk=Part(), wv=Part(), wo=Part()),
            feed_forward=config_of("MLP", w1=Part(), w2=Part(), w3=Part()),
        )
        for _ in range(2)
    ]
    model = config_of(
        "Model", dim=256, n_layers=2, vocab_size=256, tok_embeddings=Part(), layers=layers,
        output=Part(),
    )  # fmt: skip
    made = ModuleType("torchtitan.components.optimizer")
    made.ParamGroupConfig = lambda **k: k  # type: ignore[attr-defined]  # a stand-in
    made.OptimizersContainer = SimpleNamespace(Config=lambda **k: k)  # type: ignore[attr-defined]
    for name in ("torchtitan", "torchtitan.components"):
        sys.modules[name] = ModuleType(name)
    sys.modules["torchtitan.components.optimizer"] = made
    try:
        config = SimpleNamespace(
            model_spec=SimpleNamespace(model=model), lr_scheduler=SimpleNamespace(),
            training=SimpleNamespace(), optimizer=None,
        )  # fmt: skip
        config = file["configure"](config)
    finally:
        for name in [n for n in sys.modules if n.startswith("torchtitan")]:
            del sys.modules[name]
    started = nn.Linear(64, 64, bias=False).weight
    model.layers[1].attention.wq.param_init["weight"](started)
    assert float(started.detach().std()) == pytest.approx(file["INIT"]["wq"], rel=0.1)
    assert [g["optimizer_name"] for g in config.optimizer["param_groups"]] == ["AdamW"] * 12
    assert config.training.max_norm == 1.0
    model.dim = 512
    with pytest.raises(ValueError, match="the plan is for 256"):
        file["configure"](config)
