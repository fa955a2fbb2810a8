"""The Python code of the file for torchtitan, which changes a stock config into the target's."""

from __future__ import annotations

TORCHTITAN_CODE = '''
import copy
import dataclasses
from functools import partial
from importlib import import_module
from math import gcd

from torch import nn

MODULE_PATHS = {
    **{name: f"attention.qkv_linear.{name}" for name in ("wq", "wk", "wv")},
    **{name: f"feed_forward.{name}" for name in ("w1", "w2", "w3")},
    "wo": "attention.wo",
}


def llama3_mutransfer():
    """The Trainer.Config that torchtitan trains: `--config llama3_mutransfer`."""
    try:
        registry = import_module("torchtitan.models.llama3.config_registry")
    except ModuleNotFoundError as error:
        raise ImportError("torchtitan before 0.3.0 has no config_registry; take 0.3.0") from error
    return configure(getattr(registry, STOCK_CONFIG)())


def configure(config):
    """Make a Trainer.Config of any llama3 flavor the target's: it keeps data and parallelism."""
    set_model(config.model_spec.model)
    for part in _nested(config.loss):
        if hasattr(part, "global_vocab_size"):
            part.global_vocab_size = SIZES["vocab_size"]
    config.optimizer = optimizer_config(config.optimizer)
    _set(config.lr_scheduler, LR_SCHEDULER)
    _set(config.training, training_values(config.training))
    if MUON is not None:
        config.training.disable_cuda_graphs = True
    return config


def optimizer_config(stock):
    """Groups by pattern: the first match wins; torchtitan refuses a parameter without a match."""
    try:
        from torchtitan.components.optimizer import ParamGroupConfig
    except ImportError as error:
        raise ImportError("this torchtitan has no ParamGroupConfig; take 0.3.0") from error
    groups = [
        ParamGroupConfig(pattern=pattern, optimizer_name="AdamW", optimizer_kwargs=options)
        for pattern, options in GROUPS
    ]
    if MUON is None:
        return dataclasses.replace(stock, param_groups=groups)
    matrices = rf"(^|\\.)({'|'.join(MUON_MODULES)})\\.weight$"
    muon = ParamGroupConfig(pattern=matrices, optimizer_name="DistMuon", optimizer_kwargs=MUON)
    return dataclasses.replace(
        stock,
        param_groups=[muon, *groups],
        optimizer_factory_kwargs_by_name={"DistMuon": muon_layout()},
    )


def muon_layout():
    """Each matrix is orthogonalized as a whole, by one rank; one bucket for each layer."""
    try:
        from torchtitan.distributed.flex_shard import BucketConfig, ComputeLayout, Owned
    except ImportError as error:
        raise ImportError("this torchtitan has no DistMuon; 0.3.0 has") from error
    axes = ("fsdp", "dp_shard")  # of spmd_backend default, and of the others
    whole = ComputeLayout(shardings_by_mesh_axis={axis: Owned() for axis in axes})
    layers = [
        tuple(f"layers.{layer}.{MODULE_PATHS[name]}.weight" for name in MUON_MODULES)
        for layer in range(SIZES["n_layers"])
    ]
    buckets = [BucketConfig(name=f"layers.{i}", patterns=names) for i, names in enumerate(layers)]
    return {
        "compute_sharding_by_fqn": {name: whole for names in layers for name in names},
        "bucket_configs": tuple(buckets),
    }


def training_values(training):
    """Steps, batch and length: in sequences, or in tokens as torchtitan counts since 2026-08-20."""
    length, batch = TRAINING["seq_len"], TRAINING["global_batch_size"]
    names = ("steps", "max_norm", "dtype", "mixed_precision_param")
    values = {name: TRAINING[name] for name in names}
    if hasattr(training, "global_batch_size"):
        local = gcd(training.local_batch_size, batch)  # the batch has to be a multiple of it
        return values | {"seq_len": length, "global_batch_size": batch, "local_batch_size": local}
    local = gcd(max(1, training.num_tokens_per_microbatch_per_dp_rank // length), batch)
    return values | {
        "max_context_length": length,
        "num_tokens_per_train_step": batch * length,
        "num_tokens_per_microbatch_per_dp_rank": local * length,
    }


def set_model(model):
    """Set sizes and init of a Llama3Model.Config; projections of q, k and v become separate."""
    dim, vocabulary = SIZES["dim"], SIZES["vocab_size"]
    _set(model, {"dim": dim, "vocab_size": vocabulary})
    if getattr(model, "enable_weight_tying", False):
        model.enable_weight_tying = False
    embedding = {"num_embeddings": vocabulary, "embedding_dim": dim}
    _set(model.tok_embeddings, embedding | {"param_init": _normal("tok_embeddings", 0)})
    head = model.lm_head if hasattr(model, "lm_head") else model.output
    _linear(head, dim, vocabulary, "lm_head")
    _set(model.norm, {"normalized_shape": dim, "eps": SIZES["norm_eps"]})
    model.layers = [copy.deepcopy(model.layers[0]) for _ in range(SIZES["n_layers"])]
    for i, layer in enumerate(model.layers):
        for norm in (layer.attention_norm, layer.ffn_norm):
            _set(norm, {"normalized_shape": dim, "eps": SIZES["norm_eps"]})
        set_attention(layer.attention, i)
        _linear(layer.feed_forward.w1, dim, SIZES["hidden_dim"], "w1", i)
        _linear(layer.feed_forward.w3, dim, SIZES["hidden_dim"], "w3", i)
        _linear(layer.feed_forward.w2, SIZES["hidden_dim"], dim, "w2", i)


def set_attention(attention, layer):
    """Set sizes and init of one GQAttention.Config."""
    dim, head = SIZES["dim"], SIZES["head_dim"]
    names = ("n_heads", "n_kv_heads", "head_dim", "dim")
    _set(attention, {name: SIZES[name] for name in names if hasattr(attention, name)})
    if type(attention.wo).__qualname__ != "Linear.Config":
        raise ValueError("separate q, k and v need tp_gemm_backend='default' in the model's flavor")
    length = max(attention.rope.max_seq_len, TRAINING["seq_len"])
    attention.rope = dataclasses.replace(attention.rope, dim=head, max_seq_len=length, **ROPE)
    qkv = attention.qkv_linear
    if hasattr(qkv, "wqkv"):  # fused, with one learning rate for q, k and v
        from torchtitan.models.common.attention import QKVLinear

        wq, wkv = copy.deepcopy(qkv.wqkv), copy.deepcopy(qkv.wqkv)
        qkv = attention.qkv_linear = QKVLinear.Config(head_dim=head, wq=wq, wkv=wkv)
    qkv.head_dim = head
    _linear(qkv.wq, dim, SIZES["n_heads"] * head, "wq", layer)
    _linear(qkv.wkv, dim, SIZES["n_kv_heads"] * head, "wkv", layer)
    _linear(attention.wo, SIZES["n_heads"] * head, dim, "wo", layer)


def _linear(config, inputs, outputs, name, layer=0):
    sizes = {"in_features": inputs, "out_features": outputs}
    _set(config, sizes | {"bias": False, "param_init": _normal(name, layer)})


def _normal(name, layer):
    std = INIT[name]
    std = std[layer] if isinstance(std, tuple) else std
    return {"weight": partial(nn.init.normal_, mean=0.0, std=std)}


def _set(config, values):
    for name, value in values.items():
        if not hasattr(config, name):
            raise ValueError(f"{type(config).__qualname__} of this torchtitan has no {name}")
        setattr(config, name, value)


def _nested(config):
    if dataclasses.is_dataclass(config):
        yield config
        for field in dataclasses.fields(config):
            yield from _nested(getattr(config, field.name))
'''
