"""Format megatron: Megatron-LM's own argument parser, GPTModel, parameter groups and schedule.

What needs a GPU is replaced: triton by a stand-in that compiles nothing, Transformer Engine by
Megatron's own local layers, its random states and its fused optimizer by torch's.
"""

from __future__ import annotations

import re
import subprocess
import sys
import types
import typing
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from mutransfer_cli.plans.multi_optimizer import as_one_optimizer
from tests.helpers.emit_readers import kind
from tests.stacks.built import BuiltStack, Emitted, GroupNumbers, Piece
from tests.stacks.training import loop, next_token_loss

# The module of Megatron by the end of the plan's, in the built-in gpt and in transformers' Llama.
LAYER = {
    r"attention\.qkv|[qkv]_proj": "self_attention.linear_qkv",
    r"attention\.out|o_proj": "self_attention.linear_proj",
    r"mlp\.up|gate_proj|up_proj": "mlp.linear_fc1",
    r"mlp\.down|down_proj": "mlp.linear_fc2",
    r"norm1|input_layernorm": "input_layernorm",
    r"norm2|post_attention_layernorm": "pre_mlp_layernorm",
}
OUTSIDE = {
    r"token|embed_tokens": "embedding.word_embeddings",
    r"position": "embedding.position_embeddings",
    r"readout|lm_head": "output_layer",
    r"norm": "decoder.final_layernorm",
}
ON_CPU = ["--transformer-impl", "local", "--use-cpu-initialization", "--mock-data",
          "--tokenizer-type", "NullTokenizer", "--no-persist-layer-norm", "--no-rope-fusion",
          "--no-gradient-accumulation-fusion", "--no-masked-softmax-fusion"]  # fmt: skip


class Uncompiled(types.ModuleType):
    """A stand-in for triton: its decorators return what they are given."""

    __version__ = "3.0.0"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **_: args[0] if len(args) == 1 and callable(args[0]) else lambda f: f


def prepare_imports() -> None:
    """Make Megatron importable without triton, and on a Python without `typing.override`."""
    import torch._dynamo

    torch.compile = lambda f=None, **_: f or (lambda g: g)  # type: ignore[assignment]  # for this process
    try:
        import triton  # noqa: F401  # the real one is there
    except ImportError:
        for name in ("triton", "triton.language"):
            sys.modules[name] = Uncompiled(name)
        sys.modules["triton"].language = sys.modules["triton.language"]  # type: ignore[attr-defined]  # a module
    if not hasattr(typing, "override"):
        typing.override = lambda f: f  # type: ignore[attr-defined]  # Python 3.12 has it


def arguments_of(emitted: Emitted) -> Any:
    """The script, sourced by a shell, through Megatron's parser and all that it asserts."""
    from megatron.training.arguments import parse_args, validate_args

    command = f'source "{emitted.main_file()}"; printf "%s\\n" "${{MUTRANSFER_ARGS[@]}}"'
    words = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    before, sys.argv = sys.argv, ["pretrain_gpt.py", *words, *ON_CPU]
    try:
        arguments = parse_args()
        validate_args(arguments)
    finally:
        sys.argv = before
    return arguments


def without_gpu() -> None:
    """One process, gloo, and no random states of a GPU."""
    from megatron.core import parallel_state, tensor_parallel

    if not torch.distributed.is_initialized():
        store = torch.distributed.HashStore()
        torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
        parallel_state.initialize_model_parallel()
    torch.cuda.current_device = lambda: torch.device("cpu")  # type: ignore[assignment,return-value]  # as above
    tracker = types.SimpleNamespace(fork=lambda *_: nullcontext())
    for module in [m for n, m in list(sys.modules.items()) if n.startswith("megatron.core")]:
        if hasattr(module, "get_cuda_rng_tracker"):
            module.get_cuda_rng_tracker = lambda *_, **__: tracker  # type: ignore[attr-defined]  # as above
    tensor_parallel.random.get_cuda_rng_tracker = lambda *_, **__: tracker


def gpt_model(arguments: Any) -> nn.Module:
    """Megatron's GPTModel from the parsed arguments, of its local layers."""
    from megatron.core.models.gpt.gpt_layer_specs import get_gpt_layer_local_spec
    from megatron.core.models.gpt.gpt_model import GPTModel

    try:
        from megatron.training.argument_utils import core_transformer_config_from_args
    except ImportError:  # before 0.18
        from megatron.training.arguments import core_transformer_config_from_args

    config = core_transformer_config_from_args(arguments)
    model: nn.Module = GPTModel(
        config=config,
        transformer_layer_spec=get_gpt_layer_local_spec(normalization=arguments.normalization),
        vocab_size=arguments.vocab_size,
        max_sequence_length=arguments.max_position_embeddings,
        parallel_output=False,
        share_embeddings_and_output_weights=not arguments.untie_embeddings_and_output_weights,
        position_embedding_type=arguments.position_embedding_type,
        rotary_percent=arguments.rotary_percent,
        rotary_base=arguments.rotary_base,
        rope_scaling=arguments.use_rope_scaling,
        rope_scaling_factor=arguments.rope_scaling_factor,
    )
    return model


class Steps:
    """The scheduler as training.py calls it: by the sequences of a step."""

    def __init__(self, scheduler: Any, increment: int) -> None:
        self.scheduler, self.increment = scheduler, increment

    def step(self) -> None:
        """After a step of the optimizer."""
        self.scheduler.step(self.increment)


def muon_overrides(model: nn.Module) -> Any:
    """Which parameters Adam trains beside Muon, and which it splits, as Megatron sets both."""
    from megatron.core.optimizer import emerging_optimizers as emerging

    shapes = emerging._get_qkv_split_shapes(model.config)
    for name, parameter in model.named_parameters():
        if "linear_qkv.weight" in name:
            parameter.is_qkv, parameter.qkv_split_shapes = True, shapes  # type: ignore[attr-defined]  # read by Muon
    return emerging._EMERGING_OPTIMIZERS["muon"].default_param_overrides


def muon_of(config: Any, model: nn.Module, groups: Any) -> torch.optim.Optimizer:
    """Megatron's Muon over its groups."""
    from megatron.core.optimizer import emerging_optimizers as emerging
    from megatron.core.process_groups_config import ProcessGroupCollection

    found: torch.optim.Optimizer
    found, _ = emerging._create_emerging_optimizer(
        config, groups, "muon", [model], ProcessGroupCollection.use_mpu_process_groups()
    )
    return found


def numbers_of(group: Any, arguments: Any) -> GroupNumbers:
    """The numbers of a group; Muon's decay is of the rate before its factor.

    The recipes quote Muon's rate in the convention of torch's class, which is Megatron's
    shape_scaling.
    """
    lr, decay = float(group["max_lr"]), float(arguments.weight_decay * group["wd_mult"])
    if group.get("optimizer", arguments.optimizer) != "muon":
        return GroupNumbers(lr, decay, float(group["eps"]))
    assert arguments.muon_scale_mode == "shape_scaling"
    extra = float(arguments.muon_extra_scale_factor)
    return GroupNumbers(lr * extra, decay / extra, 1e-7, "muon")


def optimizer_of(arguments: Any, model: nn.Module) -> tuple[torch.optim.Optimizer, Steps]:
    """Megatron's parameter groups and schedule, with torch's AdamW behind them."""
    import dataclasses

    from megatron.core import optimizer as megatron
    from megatron.core.optimizer_param_scheduler import OptimizerParamScheduler

    fields = {f.name for f in dataclasses.fields(megatron.OptimizerConfig)}
    config = megatron.OptimizerConfig(**{k: v for k, v in vars(arguments).items() if k in fields})
    overrides = dict(megatron.get_standard_config_overrides(config=config))
    if arguments.use_mup:
        overrides |= megatron.get_mup_config_overrides(
            config=config, mup_width_mult=model.config.mup_width_mult,
            optimizer_type=arguments.optimizer,
        )  # fmt: skip
    if arguments.optimizer == "muon":
        overrides |= muon_overrides(model)
    groups = megatron._get_param_groups([model], config, overrides)
    for group in groups:
        group["initial_lr"] = group["max_lr"]
    by_muon = [g for g in groups if g.get("optimizer", arguments.optimizer) == "muon"]
    adamw = torch.optim.AdamW(
        [g for g in groups if g not in by_muon], lr=config.lr, eps=config.adam_eps,
        betas=(config.adam_beta1, config.adam_beta2), weight_decay=config.weight_decay,
    )  # fmt: skip
    optimizers = [adamw, *([muon_of(config, model, by_muon)] if by_muon else [])]
    optimizer = as_one_optimizer(optimizers)
    batch, a = arguments.global_batch_size, arguments
    scheduler = OptimizerParamScheduler(
        optimizer, init_lr=a.lr_warmup_init, max_lr=a.lr, min_lr=a.min_lr,
        lr_warmup_steps=a.lr_warmup_iters * batch, lr_decay_steps=a.lr_decay_iters * batch,
        lr_decay_style=a.lr_decay_style, start_wd=a.start_weight_decay, end_wd=a.end_weight_decay,
        wd_incr_steps=a.train_iters * batch, wd_incr_style=a.weight_decay_incr_style,
        wsd_decay_steps=None if a.lr_wsd_decay_iters is None else a.lr_wsd_decay_iters * batch,
        lr_wsd_decay_style=a.lr_wsd_decay_style,
    )  # fmt: skip
    return optimizer, Steps(scheduler, batch)


def parameter_of(name: str) -> str:
    """The parameter of Megatron that holds a tensor of the plan."""
    module, _, last = name.rpartition(".")
    layer = re.search(r"(?:blocks|layers)\.(\d+)\.", module)
    table, start = (OUTSIDE, "") if layer is None else (LAYER, f"decoder.layers.{layer[1]}.")
    found = next(v for pattern, v in table.items() if re.search(rf"(^|\.)({pattern})$", module))
    return f"{start}{found}.{last}"


def rows_of(name: str, arguments: Any) -> Tensor | None:
    """The rows of a tensor: by group of keys the queries, keys and values; gate before up."""
    heads, size = arguments.num_attention_heads, arguments.kv_channels
    groups = arguments.num_query_groups if arguments.group_query_attention else heads
    filter = arguments.ffn_hidden_size
    if "gate_proj" in name:
        return torch.arange(filter)
    if "up_proj" in name:
        return torch.arange(filter, 2 * filter)
    if kind(name.replace("bias", "weight")) != "qkv":
        return None
    each = heads // groups
    block = torch.arange(groups * (each + 2) * size).view(groups, each + 2, size)
    q, k, v = block[:, :each].flatten(), block[:, each].flatten(), block[:, each + 1].flatten()
    if "qkv" in name:
        return torch.cat([q, k, v])
    return {"q": q, "k": k, "v": v}[re.search(r"([qkv])_proj", name)[1]]  # type: ignore[index]  # it matches


def loss_of(model: nn.Module, tokens: Tensor) -> Tensor:
    """The loss of Megatron's logits."""
    inputs = tokens[:, :-1]
    length = inputs.shape[1]
    mask = torch.ones(1, 1, length, length, dtype=torch.bool).triu(1)
    positions = torch.arange(length).expand_as(inputs)
    return next_token_loss(model(inputs, positions, mask), tokens)


def multipliers_of(model: Any, emitted: Emitted, mup: bool) -> dict[str, float]:
    """What Megatron multiplies by, from the config that its modules read."""
    parts = {"embedding": model.config.mup_embedding_mult, "readout": model.config.mup_output_mult}
    return {
        t.name: float(parts.get(kind(t.name), 1.0)) if mup else 1.0 for t in emitted.plan.tensors
    }


def build(emitted: Emitted) -> BuiltStack:
    """The script by Megatron's parser, its model, groups and schedule."""
    prepare_imports()
    arguments = arguments_of(emitted)
    without_gpu()
    model = gpt_model(arguments)
    optimizer, scheduler = optimizer_of(arguments, model)
    names = {id(p): n for n, p in model.named_parameters()}
    numbers = {
        names[id(p)]: numbers_of(g, arguments) for g in optimizer.param_groups for p in g["params"]
    }
    pieces = [
        Piece(t.name, parameter_of(t.name), rows_of(t.name, arguments))
        for t in emitted.plan.tensors
        if parameter_of(t.name) in dict(model.named_parameters())
    ]
    held = {piece.parameter for piece in pieces}
    train: Callable[..., Any] = loop(loss_of, schedulers=[scheduler])
    return BuiltStack(
        model=model, pieces=pieces, train=train, optimizers=[optimizer], numbers=numbers,
        multipliers=multipliers_of(model, emitted, arguments.use_mup),
        attention_scale=float(model.config.softmax_scale or arguments.kv_channels**-0.5),
        tied_logits=float(model.config.mup_output_mult) if arguments.use_mup else 1.0,
        clip=arguments.clip_grad or None,
        stack_only=[n for n in names.values() if n not in held],
    )  # fmt: skip
