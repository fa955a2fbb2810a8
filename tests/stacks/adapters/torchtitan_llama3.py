"""Format torchtitan: its ConfigManager reads the file; its classes build model and groups."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import torch
from torch import Tensor, nn

from tests.helpers.emitted_training import imported
from tests.stacks.adapters.decoder_names import llama_pieces_of
from tests.stacks.built import BuiltStack, Emitted, Piece
from tests.stacks.training import loop, next_token_loss

STOCK_CONFIGS = ("llama3_debugmodel", "llama3_70b")
NAMES = {
    "embed_tokens": "tok_embeddings", "q_proj": "attention.qkv_linear.wq",
    "k_proj": "attention.qkv_linear.wk", "v_proj": "attention.qkv_linear.wv",
    "o_proj": "attention.wo", "gate_proj": "feed_forward.w1", "up_proj": "feed_forward.w3",
    "down_proj": "feed_forward.w2", "input_layernorm": "attention_norm",
    "post_attention_layernorm": "ffn_norm", "norm": "norm", "lm_head": "lm_head",
}  # fmt: skip


def titan_name(name: str) -> str:
    """The parameter of torchtitan's llama3 for one of transformers' Llama."""
    words = name.split(".")
    if words[-2] not in NAMES:
        return name
    module = f"{NAMES[words[-2]]}.{words[-1]}"
    return f"layers.{words[2]}.{module}" if "layers" in words else module


def interleaved(rows: int, head_size: int) -> Tensor:
    """Where transformers' rows are, which rotate by halves, if pairs of neighbors rotate."""
    order = torch.arange(rows).view(-1, head_size // 2, 2)  # head, pair, member
    return order.transpose(1, 2).reshape(-1)


def parsed_config(emitted: Emitted) -> Any:
    """The config as `--module FILE --config llama3_mutransfer` reads it."""
    from torchtitan.config import ConfigManager
    from torchtitan.models.llama3 import config_registry

    path = emitted.main_file()
    sys.path.insert(0, str(emitted.folder))
    sys.modules.pop(path.stem, None)
    try:
        arguments = ["--module", path.stem, "--config", "llama3_mutransfer"]
        config = ConfigManager().parse_args(arguments)
    finally:
        sys.path.remove(str(emitted.folder))
    file = imported(path)
    for stock in STOCK_CONFIGS:
        other = file.configure(getattr(config_registry, stock)())
        assert sizes_of(other.model_spec.model) == sizes_of(config.model_spec.model), stock
        assert other.optimizer.param_groups == config.optimizer.param_groups
    return config


def sizes_of(config: Any) -> Any:
    """A config's values, nested; functions by their standard deviations."""
    if dataclasses.is_dataclass(config):
        names = [f.name for f in dataclasses.fields(config)]
        return {n: sizes_of(getattr(config, n)) for n in names if n != "max_seq_len"}
    if isinstance(config, (list, tuple)):
        return [sizes_of(item) for item in config]
    if isinstance(config, dict):
        return {k: getattr(v, "keywords", None) for k, v in config.items()}
    return config


def titan_loss(model: nn.Module, tokens: Tensor) -> Tensor:
    """The loss of a model whose positions are given."""
    x = tokens[:, :-1]
    positions = torch.arange(x.shape[1]).expand_as(x)
    return next_token_loss(model(x, positions=positions), tokens)


def shard_on_cpu(model: nn.Module) -> None:
    """Shard the parameters over one process, as DistMuon wants them, and let it run on a CPU."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torchtitan.distributed.flex_shard.dist_muon import DistMuon

    if not torch.distributed.is_initialized():
        store = torch.distributed.HashStore()
        torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    mesh = init_device_mesh("cpu", (1,), mesh_dim_names=("fsdp",))
    for layer in model.layers.values():
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    DistMuon._validate_parameter_storage = lambda _: torch.device("cpu")


def build(emitted: Emitted) -> BuiltStack:
    """The model with causal attention in torch: flex_attention has no backward pass on a CPU."""
    from torchtitan.models.common.attention import ScaledDotProductAttention

    config = parsed_config(emitted)
    config.model_spec.model.update_from_config(config=config)
    for layer in config.model_spec.model.layers:
        layer.attention.inner_attention = ScaledDotProductAttention.Config()
    with torch.device("meta"):
        model = config.model_spec.model.build()
    model.to_empty(device="cpu")
    model.init_states()
    if any(g.optimizer_name == "DistMuon" for g in config.optimizer.param_groups):
        shard_on_cpu(model)
    optimizers = config.optimizer.build(model_parts=[model])
    schedulers = config.lr_scheduler.build(
        optimizers=optimizers, training_steps=config.training.steps
    )
    clip = config.training.max_norm
    attention = model.layers["0"].attention
    pieces = llama_pieces_of(emitted, dict(model.named_parameters()), titan_name)
    pieces = [with_rotation(p, attention.head_dim, model) for p in pieces]
    return BuiltStack(
        model=model, pieces=pieces, optimizers=list(optimizers),
        train=loop(titan_loss, schedulers=[schedulers]),
        attention_scale=attention.scaling or attention.head_dim**-0.5,
        clip=None if clip == float("inf") else clip,
    )  # fmt: skip


def with_rotation(piece: Piece, head_size: int, model: nn.Module) -> Piece:
    """Queries and keys in torchtitan's order of rows."""
    if not piece.parameter.endswith(("wq.weight", "wk.weight")):
        return piece
    rows = interleaved(model.get_parameter(piece.parameter).shape[0], head_size)
    return Piece(piece.name, piece.parameter, rows, piece.source)
