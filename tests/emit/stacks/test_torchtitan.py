"""Format torchtitan, on stand-ins for its configs of both generations; `make stacks` runs it."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from torch import nn

from mutransfer_cli.emit.scale import scale
from mutransfer_cli.errors import InputError
from tests.helpers.emit_readers import executed
from tests.helpers.emit_recipes import LLAMA, emit_recipe

OLD = {"local_batch_size": 8, "global_batch_size": -1, "seq_len": 2048}
NEW = {
    "num_tokens_per_microbatch_per_dp_rank": 2048, "num_tokens_per_train_step": -1,
    "max_context_length": 2048,
}  # fmt: skip


def config_of(name: str, **values: Any) -> Any:
    """A config of torchtitan's: a dataclass with slots, which takes no other field."""
    made = dataclasses.make_dataclass(name, [(k, Any) for k in values], slots=True)
    return made(**values)


@dataclasses.dataclass
class QKVLinear:
    head_dim: int
    wq: Any
    wkv: Any


class Linear:
    @dataclasses.dataclass(slots=True)
    class Config:
        in_features: int = 1
        out_features: int = 1
        bias: bool = False
        param_init: Any = None


@pytest.fixture
def stand_ins() -> Iterator[None]:
    """The modules that the file imports."""
    optimizer = ModuleType("torchtitan.components.optimizer")
    optimizer.ParamGroupConfig = lambda **k: k  # type: ignore[attr-defined]  # a stand-in
    attention = ModuleType("torchtitan.models.common.attention")
    attention.QKVLinear = SimpleNamespace(Config=QKVLinear)  # type: ignore[attr-defined]  # a stand-in
    names = ("torchtitan", "torchtitan.components", "torchtitan.models", "torchtitan.models.common")
    for name in names:
        sys.modules[name] = ModuleType(name)
    sys.modules[optimizer.__name__], sys.modules[attention.__name__] = optimizer, attention
    yield
    for name in [n for n in sys.modules if n.startswith("torchtitan")]:
        del sys.modules[name]


def stock_config(training: dict[str, Any], fused: bool) -> Any:
    """A flavor of other sizes than the target's."""
    norm = config_of("Norm", normalized_shape=7, eps=1e-5)
    qkv = (
        config_of("Fused", head_dim=1, n_heads=1, wqkv=Linear.Config())
        if fused
        else QKVLinear(1, Linear.Config(), Linear.Config())
    )
    rope = config_of("RoPE", dim=1, max_seq_len=64, theta=500000.0, scaling="llama")
    attention = config_of(
        "Attention", n_heads=1, n_kv_heads=None, head_dim=None, dim=1, qkv_linear=qkv,
        wo=Linear.Config(), rope=rope,
    )  # fmt: skip
    mlp = config_of("MLP", w1=Linear.Config(), w2=Linear.Config(), w3=Linear.Config())
    layer = config_of(
        "Layer", attention=attention, feed_forward=mlp, attention_norm=norm, ffn_norm=norm
    )
    embedding = config_of("Embedding", num_embeddings=1, embedding_dim=1, param_init=None)
    model = config_of(
        "Model", dim=7, vocab_size=9, tok_embeddings=embedding, layers=[layer], norm=norm,
        lm_head=Linear.Config(), enable_weight_tying=True,
    )  # fmt: skip
    common = {"steps": 10, "max_norm": 1.0, "dtype": "bfloat16"}
    common["mixed_precision_param"] = "bfloat16"
    return config_of(
        "Trainer",
        model_spec=SimpleNamespace(model=model),
        loss=config_of("Loss", loss_fn=config_of("CrossEntropy", global_vocab_size=9)),
        optimizer=config_of("Optimizer", param_groups=[], implementation="fused"),
        lr_scheduler=config_of(
            "Scheduler", warmup_steps=2, total_steps=None, decay_ratio=None, decay_type="linear",
            min_lr_factor=0.0,
        ),
        training=config_of("Training", **training, **common),
    )  # fmt: skip


@pytest.mark.usefixtures("stand_ins")
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("training", [OLD, NEW], ids=["sequences", "tokens"])
def test_a_stock_config_becomes_the_target(
    tmp_path: Path, training: dict[str, Any], fused: bool
) -> None:
    file = executed(scale(emit_recipe(tmp_path, "llama"), width=256, format="torchtitan").text())
    config = file["configure"](stock_config(training, fused))
    model = config.model_spec.model
    assert (model.dim, model.vocab_size, len(model.layers)) == (256, 256, 2)
    assert not model.enable_weight_tying and config.loss.loss_fn.global_vocab_size == 256
    attention = model.layers[1].attention
    # 128 → 256 doubles 8 heads of 16, and 2 of keys and values
    assert (attention.n_heads, attention.n_kv_heads, attention.head_dim) == (16, 4, 16)
    assert (attention.rope.theta, attention.rope.scaling) == (10000.0, "none")
    qkv = attention.qkv_linear
    assert [(p.in_features, p.out_features) for p in (qkv.wq, qkv.wkv)] == [(256, 256), (256, 64)]
    started = nn.Linear(256, 256, bias=False).weight
    qkv.wq.param_init["weight"](started)
    assert float(started.detach().std()) == pytest.approx(file["INIT"]["wq"], rel=0.05)
    assert [g["optimizer_name"] for g in config.optimizer.param_groups] == ["AdamW"] * 12
    assert config.optimizer.implementation == "fused"
    t = config.training
    assert (t.max_norm, t.steps, t.dtype) == (1.0, 20, "float32")
    assert t.mixed_precision_param == "float32"
    if training is OLD:  # a batch of 4, of which 8 sequences at a time are too many
        assert (t.global_batch_size, t.local_batch_size, t.seq_len) == (4, 4, 8)
    else:
        assert t.num_tokens_per_train_step == 4 * 8
        assert (t.num_tokens_per_microbatch_per_dp_rank, t.max_context_length) == (4 * 8, 8)


@pytest.mark.usefixtures("stand_ins")
def test_a_config_with_other_fields_is_named(tmp_path: Path) -> None:
    file = executed(scale(emit_recipe(tmp_path, "llama"), width=256, format="torchtitan").text())
    config = stock_config(OLD, True)
    config.lr_scheduler = config_of("Scheduler", warmup_steps=2)
    with pytest.raises(ValueError, match="Scheduler of this torchtitan has no min_lr_factor"):
        file["configure"](config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attention_bias": True}, "no bias"),
        ({"rope_scaling": {"rope_type": "linear", "factor": 2.0}}, "rope_type is linear"),
    ],
)
def test_models_that_are_no_llama3_are_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = emit_recipe(tmp_path, "llama")
    (tmp_path / "llama.json").write_text(json.dumps({**LLAMA, **change}))
    with pytest.raises(InputError, match=message):
        scale(path, width=256, format="torchtitan")


def test_rescaled_frequencies_are_kept(tmp_path: Path) -> None:
    rope = {
        "rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16, "rope_theta": 500.0,
    }  # fmt: skip
    path = emit_recipe(tmp_path, "llama")
    (tmp_path / "llama.json").write_text(json.dumps({**LLAMA, "rope_parameters": rope}))
    found = executed(scale(path, width=256, format="torchtitan").text())["ROPE"]
    assert (found["scaling"], found["scaling_factor"], found["theta"]) == ("llama", 4.0, 500.0)
