"""The Python code of the file for optax, and the values it reads."""

from __future__ import annotations

from typing import Any

from mutransfer_cli.emit.core.protocol import EmitRequest
from mutransfer_cli.optimizers.muon import MUON
from mutransfer_cli.plans.param_groups import group_options
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.types import TensorPlan, adjustment_of
from mutransfer_cli.quoting import python

OPTAX_CODE = '''
import hashlib
import math
import re

import jax
import jax.numpy as jnp
import optax

LEAVES = {"kernel": "weight", "embedding": "weight", "scale": "weight"}  # Flax's names


def tensor_name(path):
    """The plan's name of a parameter, from its path; pass your own where your names differ."""
    keys = [str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k)))) for k in path]
    keys = keys[1:] if keys[0] == "params" and len(keys) > 1 else keys
    keys = keys[:-1] if keys[-1] == "value" and len(keys) > 1 else keys
    keys = [re.sub(r"_(\\d+)$", r".\\1", key) for key in keys]  # blocks_0 of Flax is blocks.0
    keys[-1] = LEAVES.get(keys[-1], keys[-1])
    return ".".join(keys)


def names(params, name_of=tensor_name):
    """A tree like params with the plan's names; kernels may be transposed or split into heads."""
    tree = jax.tree_util.tree_map_with_path(lambda path, _: name_of(path), params)
    found = {}
    for name, leaf in zip(jax.tree.leaves(tree), jax.tree.leaves(params)):
        found[name] = leaf
    odd = sorted(found.keys() ^ TENSORS.keys())
    if odd:
        raise ValueError(
            f"parameter {odd[0]} is not in both the model and the plan; name_of names parameters"
        )
    for name, leaf in found.items():
        if leaf.size != math.prod(TENSORS[name]["shape"]):
            raise ValueError(f"{name} has shape {leaf.shape}, planned {TENSORS[name]['shape']}")
    return tree


def initialize(params, seed=0, name_of=tensor_name):
    """The parameters, each drawn anew from its own stream of the seed."""

    def value(name, leaf):
        tensor = TENSORS[name]
        if tensor["init"] == "normal":
            digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=4).digest()
            key = jax.random.key(int.from_bytes(digest, "little"))
            return tensor["init_std"] * jax.random.normal(key, leaf.shape, leaf.dtype)
        if tensor["init"] == "zero":
            return jnp.zeros_like(leaf)
        if tensor["init"] == "rescale":  # the model's own init, rescaled to this size
            rms = jnp.sqrt(jnp.mean(jnp.square(leaf)))
            return jnp.where(rms > 0, leaf * (tensor["init_std"] / rms), leaf)
        return leaf

    return jax.tree.map(value, names(params, name_of), params)


def share(step):
    """The learning rate at a step, counted from 0, as a share of the peak."""
    steps, rising, falling = SCHEDULE["steps"], SCHEDULE["rising"], SCHEDULE["falling"]
    left = jnp.clip((steps - step) / falling, 0.0, 1.0) if falling else 1.0
    if SCHEDULE["name"] == "cosine":
        left = (1 - jnp.cos(jnp.pi * left)) / 2
    after = SCHEDULE["final"] + (1 - SCHEDULE["final"]) * left
    return jnp.where(step < rising, (step + 1) / max(rising, 1), after)


def _transform(kind, o, name_of):
    """What one group of parameters is trained with."""
    if kind in MATRIX_OPTIMIZERS:
        return MATRIX_OPTIMIZERS[kind](o, name_of)
    rate = optax.scale_by_learning_rate(lambda step: o["lr"] * share(step))
    decay = optax.add_decayed_weights(o["weight_decay"])
    if kind == "adamw":
        return optax.chain(optax.scale_by_adam(*o["betas"], eps=o["eps"]), decay, rate)
    if kind == "adam":  # its decay is part of the gradient
        return optax.chain(decay, optax.scale_by_adam(*o["betas"], eps=o["eps"]), rate)
    if kind == "lion":
        return optax.chain(optax.scale_by_lion(*o["betas"]), decay, rate)
    momentum = optax.trace(o["momentum"], o["nesterov"]) if o["momentum"] else optax.identity()
    return optax.chain(decay, momentum, rate)


def optimizer(params, name_of=tensor_name):
    """The optimizer of these parameters, with schedule and clipping."""
    kinds = {name: (t["optimizer"], t["options"]) for name, t in TENSORS.items()}
    options = {name: repr(kind) for name, kind in kinds.items()}
    transforms = {repr(kind): _transform(*kind, name_of) for kind in kinds.values()}
    labels = jax.tree.map(options.get, names(params, name_of))
    trained = optax.multi_transform(transforms, labels)
    return trained if CLIP is None else optax.chain(optax.clip_by_global_norm(CLIP), trained)
'''


def tensor_options(plan: Plan, tensor: TensorPlan) -> dict[str, Any]:
    """The options of one tensor; Muon's rate and decay stay in the convention of the plan.

    The rate of `group_options` is in the convention of torch's class, which the installed release
    decides.
    """
    options = group_options(plan, tensor)
    adjustment = adjustment_of(plan)
    if (tensor.optimizer or plan.optimizer) != MUON.name or adjustment is None:
        return options
    options.pop("adjust_lr_fn", None)
    own = {"lr": tensor.lr, "weight_decay": tensor.weight_decay}
    return {**options, **own, "factor": adjustment(tensor.shape)}


def adjustment_lines(plan: Plan) -> list[str]:
    """The convention of Muon's rates, if there are any."""
    adjustment = adjustment_of(plan)
    if adjustment is None or plan.optimizer != MUON.name:
        return []
    return [f"ADJUST_LR = {python(adjustment.name)}  # Muon's update × {adjustment.formula}"]


def optax_values(request: EmitRequest) -> str:
    """The values that OPTAX_CODE reads, as literals."""
    plan = request.plan
    tensors = {
        t.name: {
            "shape": t.shape,
            "init": t.init,
            "init_std": t.init_std,
            "optimizer": t.optimizer or plan.optimizer,
            "options": tensor_options(plan, t),
        }
        for t in plan.tensors
    }
    lines = [
        *adjustment_lines(plan),
        f"CLIP = {python(plan.clip)}  # threshold of the global gradient norm",
        "# Multipliers that your forward pass applies; the head of this file says where.",
        f"FORWARD = {python(dict(plan.forward))}",
        "# Final values: nothing scales them again. Shapes are those of torch.",
        f"TENSORS = {python(tensors, width=100)}",
    ]
    return "\n".join(lines) + "\n"
