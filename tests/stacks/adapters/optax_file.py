"""Format optax: the emitted file's init and optimizer, on gradients of the torch model.

The model is the user's own, here the proxies' in torch with the plan's multipliers, as the head of
the file asks; JAX trains its parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
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


def iterated() -> float:
    """What Muon's five steps make of a singular value of 1 (Jordan et al. 2024)."""
    value = 1.0
    for _ in range(5):
        value = 3.4445 * value - 4.7750 * value**3 + 2.0315 * value**5
    return value


LARGE = 1e6  # a gradient whose epsilon does not count


class FirstUpdates:
    """The means of every tensor's first update by the file's optimizer, as its share grows.

    Attributes:
        rate: With large gradients, on weights of 0.
        decay: With gradients of 0, on weights of 1.
        small: With small gradients, on weights of 0.
    """

    def __init__(self, file: Any, tree: Any) -> None:
        import jax
        import jax.numpy as jnp

        optimizer = file.optimizer(tree)
        peak = float(file.share(0))

        @jax.jit
        def means(gradients: Any, params: Any) -> Any:
            updates, _ = optimizer.update(gradients, optimizer.init(params), params)
            return jax.tree.map(lambda x: -jnp.mean(x) / peak, updates)

        def filled(value: float) -> Any:
            return jax.tree.map(lambda x: jnp.full_like(x, value), tree)

        self.rate = means(filled(LARGE), filled(0.0))
        self.decay = means(filled(0.0), filled(1.0))
        self.small = means(filled(SMALL), filled(0.0))


def measured(file: Any, first: FirstUpdates, name: str, plan: Plan) -> GroupNumbers:
    """The numbers of a tensor, from its first updates.

    Args:
        file: The emitted file.
        first: The first updates by its optimizer.
        name: Name of the tensor.
        plan: The plan.

    Adam's rate is the update itself; a small gradient g gives the rate times g/(g + eps). Ones are
    a matrix of rank one to Muon, whose rate is that of the convention `original`.
    """
    kind, shape = plan.tensor(name).optimizer or plan.optimizer, plan.tensor(name).shape
    if kind in ("adamh", "muonh"):  # weights of 0 have no norm to keep: the losses will tell
        o = file.TENSORS[name]["options"]
        return GroupNumbers(o["lr"], o["weight_decay"], o["eps"])
    rate, decay = float(leaf_of(first.rate, name)), float(leaf_of(first.decay, name))
    if kind == "muon":
        rate /= iterated() * max(1.0, shape[0] / shape[1]) ** 0.5 / prod(shape) ** 0.5
        return GroupNumbers(rate, decay / rate, plan.tensor(name).eps)
    if kind == "sgd":
        nesterov = (
            1 + plan.momentum if plan.nesterov else 1.0
        )  # the first step goes so much further
        rate /= LARGE * nesterov
        return GroupNumbers(rate, decay / rate / nesterov, None)
    if kind == "lion":
        return GroupNumbers(rate, decay / rate, None)
    small = float(leaf_of(first.small, name))
    return GroupNumbers(rate, decay / rate, SMALL * (rate / small - 1))


def trained_in_jax(file: Any) -> Callable[[BuiltStack, Sequence[Tensor]], Curve]:
    """A loop whose gradients are torch's and whose updates are the file's optimizer's."""

    def train(stack: BuiltStack, batches: Sequence[Tensor]) -> Curve:
        import jax
        import optax

        parameters = dict(stack.model.named_parameters())
        params = tree_of(parameters)
        optimizer = file.optimizer(params)
        state, losses = optimizer.init(params), []
        update = jax.jit(optimizer.update)
        stack.model.train()
        for tokens in batches:
            loss = plain_loss(stack.model, tokens)
            stack.model.zero_grad()
            loss.backward()
            gradients = {
                n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in parameters.items()
            }
            updates, state = update(tree_of(gradients), state, params)
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
    first = FirstUpdates(file, tree)
    numbers = {name: measured(file, first, name, emitted.plan) for name in parameters}
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
