"""Where the plan's tensors are in a Llama of transformers, whatever the proxies were."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tests.helpers.emit_readers import kind
from tests.stacks.built import Emitted, Piece

# the built-in gpt's names, and those of transformers' Llama that do the same
OF_GPT = {
    r"^token$": ("model.embed_tokens",),
    r"^readout$": ("lm_head",),
    r"^norm$": ("model.norm",),
    r"^blocks\.(\d+)\.attention\.qkv$": (
        r"model.layers.\1.self_attn.q_proj",
        r"model.layers.\1.self_attn.k_proj",
        r"model.layers.\1.self_attn.v_proj",
    ),
    r"^blocks\.(\d+)\.attention\.out$": (r"model.layers.\1.self_attn.o_proj",),
    r"^blocks\.(\d+)\.mlp\.up$": (r"model.layers.\1.mlp.up_proj",),
    r"^blocks\.(\d+)\.mlp\.down$": (r"model.layers.\1.mlp.down_proj",),
    r"^blocks\.(\d+)\.norm1$": (r"model.layers.\1.input_layernorm",),
    r"^blocks\.(\d+)\.norm2$": (r"model.layers.\1.post_attention_layernorm",),
}


def llama_names(name: str) -> tuple[str, ...]:
    """The modules of transformers' Llama that stand for a tensor of the plan."""
    module, _, last = name.rpartition(".")
    for pattern, modules in OF_GPT.items():
        if re.match(pattern, module):
            return tuple(f"{re.sub(pattern, m, module)}.{last}" for m in modules)
    return (name,)


def llama_pieces_of(
    emitted: Emitted, parameters: Mapping[str, Tensor], rename: Callable[[str], str]
) -> list[Piece]:
    """The pieces of a model that is a Llama.

    Args:
        emitted: The files and their plan.
        parameters: The stack's parameters.
        rename: From the name in transformers to the stack's.
    """
    pieces = []
    for t in emitted.plan.tensors:
        names = [rename(n) for n in llama_names(t.name)]
        names = [n for n in names if n in parameters]
        start = 0
        for name in names:
            source = None
            if len(names) > 1:
                rows = parameters[name].shape[0]
                source = torch.arange(start, start + rows)
                start += rows
            pieces.append(Piece(t.name, name, source=source))
    return pieces


def llama_pieces(emitted: Emitted, model: nn.Module) -> list[Piece]:
    """The pieces of a model with the names of transformers' Llama."""
    return llama_pieces_of(emitted, dict(model.named_parameters()), str)


def granite_multipliers(model: Any, pieces: Sequence[Piece]) -> dict[str, Any]:
    """What Granite multiplies by, as its modules have it."""
    layer = model.model.layers[0]
    parts = {
        "embedding": model.model.embedding_multiplier,
        "readout": 1 / model.config.logits_scaling,
    }

    def multiplier(name: str) -> float:
        if re.search(r"attention\.out|mlp\.down|o_proj|down_proj", name):
            return float(layer.residual_multiplier)  # of the branch, biases included
        return float(parts.get(kind(name), 1.0))

    return {
        "multipliers": {p.name: multiplier(p.name) for p in pieces},
        "attention_scale": float(layer.self_attn.scaling),
        "tied_logits": 1 / float(model.config.logits_scaling),
    }
