"""Format optax: the emitted file's init and optimizer, on gradients of the torch model.

The model is the user's own, here the proxies' in torch with the plan's multipliers, as the head of
the file asks; JAX trains its parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mutransfer_cli import Plan
from tests.helpers.emitted_training import imported
from tests.stacks.adapters.torch_file import plan_multipliers
from tests.stacks.built import BuiltStack, Curve, Emitted, GroupNumbers, same_names
from tests.stacks.training import plain_loss

SMALL = 1e-6  # a gradient near epsilon


def tree_of(values: Mapping[str, Tensor]) -> dict[str, Any]:
    """A tree of JAX arrays, with a level for each part of a name."""
    import jax.numpy as jnp

    tree: dict[str, Any] = {}
    for name, value in values.items():
        *above, last = name.split(".")
        node = tree
        for part in above:
            node = node.setdefault(part, {})
        node[last] = jnp.asarray(value.detach().numpy())
    return tree


def leaf_of(tree: Mapping[str, Any], name: str) -> Any:
    """The array of a name in a tree."""
    node: Any = tree
    for part in name.split("."):
        node = node[part]
    return node


def measured(file: Any, tree: Any, name: str, plan: Plan) -> GroupNumbers:
    """The numbers of a tensor, from first updates of the file's optimizer, as its share grows.

    Gradients of 1 on weights of 0 give the rate; gradients of 0 on weights of 1 rate times decay;
    a small gradient g gives the rate times g/(g + eps).
    """
    import jax
    import jax.numpy as jnp

    optimizer = file.optimizer(tree)
    ones, zeros = jax.tree.map(jnp.ones_like, tree), jax.tree.map(jnp.zeros_like, tree)
    peak = float(file.share(0))

    def update(gradients: Any, params: Any) -> float:
        updates, _ = optimizer.update(gradients, optimizer.init(params), params)
        return -float(np.mean(leaf_of(updates, name))) / peak

    large = jax.tree.map(lambda x: 1e6 * x, ones)
    nesterov = 1 + plan.momentum if plan.nesterov else 1.0  # the first step goes so much further
    rate = update(large, zeros) / (1e6 * nesterov if plan.optimizer == "sgd" else 1.0)
    coupled = nesterov if plan.optimizer == "sgd" else 1.0
    decay = update(zeros, ones) / rate / coupled
    if plan.optimizer not in ("adam", "adamw"):
        return GroupNumbers(rate, decay, None)
    small = jax.tree.map(lambda x: SMALL * x, ones)
    return GroupNumbers(rate, decay, SMALL * (rate / update(small, zeros) - 1))


def trained_in_jax(file: Any) -> Callable[[BuiltStack, Sequence[Tensor]], Curve]:
    """A loop whose gradients are torch's and whose updates are the file's optimizer's."""

    def train(stack: BuiltStack, batches: Sequence[Tensor]) -> Curve:
        import optax

        parameters = dict(stack.model.named_parameters())
        params = tree_of(parameters)
        optimizer = file.optimizer(params)
        state, losses = optimizer.init(params), []
        stack.model.train()
        for tokens in batches:
            loss = plain_loss(stack.model, tokens)
            stack.model.zero_grad()
            loss.backward()
            gradients = {
                n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in parameters.items()
            }
            updates, state = optimizer.update(tree_of(gradients), state, params)
            params = optax.apply_updates(params, updates)
            with torch.no_grad():
                for name, parameter in parameters.items():
                    parameter.copy_(torch.from_numpy(np.array(leaf_of(params, name))))
            losses.append(loss.item())
        return Curve(losses, [float(file.share(step)) for step in range(len(batches))])

    return train


def build(emitted: Emitted) -> BuiltStack:
    """The emitted Python file, on the user's parameters."""
    import jax

    jax.config.update("jax_enable_x64", True)
    file = imported(emitted.main_file())
    model: nn.Module = emitted.user_model()
    emitted.plan.install(model)  # FORWARD, as the head of the file asks
    own = {k: v for k, v in emitted.plan.forward.items() if v is not None}
    assert {k: v for k, v in file.FORWARD.items() if v is not None} == own
    parameters = dict(model.named_parameters())
    tree = file.initialize(tree_of(parameters), 1)
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(torch.from_numpy(np.array(leaf_of(tree, name))))
    clip, file.CLIP = file.CLIP, None
    numbers = {name: measured(file, tree, name, emitted.plan) for name in parameters}
    file.CLIP = clip
    return BuiltStack(
        model=model,
        pieces=same_names(model),
        train=trained_in_jax(file),
        multipliers=plan_multipliers(emitted),
        attention_scale=file.FORWARD.get("attention_scale"),
        tied_logits=file.FORWARD.get("logit_scale"),
        clip=file.CLIP,
        numbers=numbers,
    )
