"""Format lm-engine: its argument classes parse the file, its model and groups are built from it.

Written from the source of November 2026 (arguments at 448bad5, mixins/dense, optimization); not run
yet: it needs a checkout from September 2026 on, MUTRANSFER_STACK_LM_ENGINE=PATH.
"""

from __future__ import annotations

import re
from importlib import import_module
from types import ModuleType
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from tests.helpers.emit_readers import kind
from tests.stacks.adapters.decoder_names import llama_names
from tests.stacks.built import BuiltStack, Emitted, Piece
from tests.stacks.training import loop, next_token_loss

# the stack's modules for those of transformers' Llama; q, k, v and gate, up are fused
NAMES = {
    "embed_tokens": "transformer.wte", "position": "transformer.wpe", "norm": "transformer.ln_f",
    "lm_head": "lm_head", "input_layernorm": "ln_1", "post_attention_layernorm": "ln_2",
    "q_proj": "sequence_mixer.c_attn", "k_proj": "sequence_mixer.c_attn",
    "v_proj": "sequence_mixer.c_attn", "o_proj": "sequence_mixer.c_proj",
    "gate_proj": "mlp_block.c_fc", "up_proj": "mlp_block.c_fc", "down_proj": "mlp_block.c_proj",
}  # fmt: skip


def first_of(*names: str) -> ModuleType:
    """The first of these modules that the checkout has: its folders moved in 2026."""
    for name in names:
        try:
            return import_module(name)
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(f"the checkout has none of {', '.join(names)}")


def rows_of(module: str, config: dict[str, Any]) -> Tensor | None:
    """The rows of a fused matrix that hold a module of transformers' Llama; None: all."""
    block = config["sequence_mixer_blocks"][0]
    heads, groups = block["num_attention_heads"], block["num_key_value_heads"]
    size, per_group = config["hidden_size"] // heads, heads // groups
    # for each group of keys and values: its queries, the key, the value
    grid = torch.arange((heads + 2 * groups) * size).view(groups, per_group + 2, size)
    filter_size = config["mlp_blocks"][0]["intermediate_size"]
    match module:
        case "q_proj":
            return grid[:, :per_group].reshape(-1)
        case "k_proj":
            return grid[:, per_group].reshape(-1)
        case "v_proj":
            return grid[:, per_group + 1].reshape(-1)
        case "up_proj" if config["mlp_blocks"][0]["activation_function"] == "swiglu":
            return torch.arange(filter_size)
        case "gate_proj":
            return torch.arange(filter_size, 2 * filter_size)
        case _:
            return None


def pieces_of(emitted: Emitted, parameters: set[str], config: dict[str, Any]) -> list[Piece]:
    """Where the plan's tensors are in the stack's model."""
    pieces = []
    for t in emitted.plan.tensors:
        start = 0
        for name in llama_names(t.name):
            module, last = name.split(".")[-2:]
            layer = re.search(r"layers\.(\d+)\.", name)
            path = f"transformer.h.{layer[1]}." if layer else ""
            parameter = f"{path}{NAMES.get(module, module)}.{last}"
            rows, source = rows_of(module, config), None
            if len(llama_names(t.name)) > 1:
                assert rows is not None
                source = torch.arange(start, start + len(rows))
                start += len(rows)
            if parameter in parameters:
                pieces.append(Piece(t.name, parameter, rows, source))
    return pieces


def engine_loss(model: nn.Module, tokens: Tensor) -> Tensor:
    """The loss of the model's own logits, which it divides by m_width."""
    return next_token_loss(model(input_ids=tokens[:, :-1], use_cache=False).logits, tokens)


def build(emitted: Emitted) -> BuiltStack:
    """Arguments, model, parameter groups and schedule of the checkout, without its launcher."""
    arguments = first_of("lm_engine.training.arguments", "lm_engine.arguments")
    models = first_of("lm_engine.training.models", "lm_engine.hf_models")
    optimization = first_of("lm_engine.training.optimization", "lm_engine.optimization")
    text = yaml.safe_load(emitted.main_file().read_text())
    args = arguments.TrainingArgs(**text)
    config = dict(args.model_args.pretrained_config)
    model = models.GPTBaseForCausalLM(models.GPTBaseConfig(**config))
    model.has_teacher_model = lambda: False
    groups = first_of(f"{optimization.__name__}.params_group").get_param_groups_list(
        [model], args.optimizer_args.class_args, args.optimizer_args.param_groups
    )
    optimizer = torch.optim.AdamW(
        groups[0].to_torch_compatible_params_groups(), **args.optimizer_args.class_args
    )
    s = args.lr_scheduler_args
    (scheduler,) = optimization.get_scheduler_container(
        model_container=[model],
        optimizer_container=[optimizer],
        num_warmup_steps=s.num_warmup_steps,
        num_constant_steps=s.num_constant_steps,
        num_decay_steps=s.num_decay_steps,
        num_training_steps=args.training_parameters.num_training_steps,
        lr_decay_style=s.lr_decay_style,
        lr_decay_factor=s.lr_decay_factor,
        extra_lr_scheduler_args=s.extra_lr_scheduler_args,
        use_optimizer_with_backward_hook=False,
    )
    pieces = pieces_of(emitted, {name for name, _ in model.named_parameters()}, config)
    parts = {
        "embedding": config["m_emb"],
        "readout": 1 / config["m_width"],
        "attention out": config["m_residual"],
        "down": config["m_residual"],
    }
    block = model.transformer.h["0"].sequence_mixer
    return BuiltStack(
        model=model, pieces=pieces, optimizers=[optimizer],
        train=loop(engine_loss, schedulers=[scheduler]),
        multipliers={p.name: float(parts.get(kind(p.name)) or 1.0) for p in pieces},
        attention_scale=float(block.attention_multiplier),
        tied_logits=1 / config["m_width"],
        clip=args.training_parameters.gradient_clipping,
    )  # fmt: skip
