"""The list `optimizer_args.param_groups` of lm-engine: patterns, and the numbers of each group.

The first group with a matching pattern takes a parameter, and one that matches none is an error.
Source: lm-engine, training/arguments (448bad5) and training/optimization/params_group.py (d014e77),
September 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mutransfer_cli.emit.core.abc_symmetry import Numbers
from mutransfer_cli.emit.core.protocol import EmitRequest, ResolvedConfig

# the stack's module of each part; q, k, v and gate, up share one matrix
MODULES = {
    "token": "wte",
    "tied": "wte",
    "position": "wpe",
    "norm1": "ln_1",
    "qkv": "sequence_mixer.c_attn",
    "q": "sequence_mixer.c_attn",
    "k": "sequence_mixer.c_attn",
    "v": "sequence_mixer.c_attn",
    "attention_out": "sequence_mixer.c_proj",
    "norm2": "ln_2",
    "gate": "mlp_block.c_fc",
    "gate_up": "mlp_block.c_fc",
    "up": "mlp_block.c_fc",
    "down": "mlp_block.c_proj",
    "final_norm": "ln_f",
    "readout": "lm_head",
}
OTHERS = "parameters that the proxies did not have"
Options = tuple[float, float, float]  # lr, weight decay, eps


def parameter_of(part: str) -> str | None:
    """The end of the stack's name of a tensor; None where the stack has no such tensor."""
    module = MODULES.get(part.removesuffix("_bias"))
    return None if module is None else f"{module}.{'bias' if part.endswith('_bias') else 'weight'}"


def options_of(numbers: Numbers) -> Options:
    """What a group holds."""
    return numbers.lr, numbers.weight_decay, numbers.eps or 0.0


def share_numbers(request: EmitRequest, planned: Mapping[str, Numbers], part: str) -> bool:
    """Whether the tensors that share a matrix with a part have the same numbers in every layer.

    Args:
        request: What is to be written.
        planned: The planned numbers of every tensor.
        part: The part.
    """
    parameter, found = parameter_of(part), dict[str, set[Options]]()
    for name, other in request.decoder.parts.items():
        if parameter_of(other) == parameter:
            found.setdefault(layer_of(name), set()).add(options_of(planned[name]))
    return all(len(options) == 1 for options in found.values())


def layer_of(name: str) -> str:
    """The number of a tensor's block; empty outside of blocks."""
    match = re.search(r"\.(\d+)\.", name)
    return match[1] if match else ""


def patterns(request: EmitRequest, resolved: ResolvedConfig) -> dict[str, Options]:
    """The patterns of all parameters, with their numbers; one for all layers where these agree.

    Args:
        request: What is to be written.
        resolved: The numbers of every tensor.
    """
    by_parameter: dict[str, dict[str, Options]] = {}
    for name, numbers in resolved.actual.items():
        parameter = parameter_of(request.decoder.parts[name])
        if parameter is not None:
            by_parameter.setdefault(parameter, {})[layer_of(name)] = options_of(numbers)
    found: dict[str, Options] = {}
    for parameter, layers in by_parameter.items():
        if len(set(layers.values())) == 1:
            found[f"*{parameter}"] = next(iter(layers.values()))
        else:
            found |= {f"*.h.{layer}.{parameter}": o for layer, o in layers.items()}
    return found


def param_groups(request: EmitRequest, resolved: ResolvedConfig) -> list[dict[str, Any]]:
    """The list: patterns of equal numbers in one group, and a last group for all others.

    Args:
        request: What is to be written.
        resolved: The numbers of every tensor.
    """
    groups: dict[Options, list[str]] = {}
    for pattern, options in patterns(request, resolved).items():
        groups.setdefault(options, []).append(pattern)
    listed: list[dict[str, Any]] = [
        {
            "name": group_name(names),
            "patterns": names,
            "params_group_kwargs": {"lr": lr, "weight_decay": decay, "eps": eps},
        }
        for (lr, decay, eps), names in groups.items()
    ]
    others = {"name": OTHERS, "patterns": ["*"], "params_group_kwargs": {"weight_decay": 0.0}}
    return [*listed, others]


def group_name(names: Sequence[str]) -> str:
    """The name of a group: its first pattern."""
    return names[0].removeprefix("*").removeprefix(".")


def group_of(request: EmitRequest, resolved: ResolvedConfig, tensor: str) -> str | None:
    """The name of a tensor's group; None where the stack has no such tensor.

    Args:
        request: What is to be written.
        resolved: The numbers of every tensor.
        tensor: Name of the tensor in the plan.
    """
    parameter = parameter_of(request.decoder.parts[tensor])
    own = (f"*{parameter}", f"*.h.{layer_of(tensor)}.{parameter}")
    for group in param_groups(request, resolved):
        if any(pattern in own for pattern in group["patterns"]):
            return str(group["name"])
    return None
