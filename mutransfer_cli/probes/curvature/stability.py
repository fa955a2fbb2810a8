"""When a step of an optimizer is stable: its own scaled sharpness against its threshold.

On a quadratic bowl with curvature s along one direction, an optimizer with learning rate η is
stable while η·s is at most a number of its own. With a learning rate η_i of every entry, and a
preconditioner P_i (1 for SGD, √v̂ + ε for Adam), s·η becomes the largest eigenvalue of
D^½ H D^½ with D = η/P: one number for the whole model, whatever its parameter groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.curvature.flat import flatten, unflatten
from mutransfer_cli.probes.curvature.hessian import Hessian
from mutransfer_cli.probes.curvature.spectrum import TOLERANCE, top_eigenvalues


@dataclass(frozen=True)
class Stability:
    """Sharpness in the norm of the optimizer, and where its steps become unstable.

    Attributes:
        sharpness: Largest eigenvalue of the Hessian.
        scaled: Largest eigenvalue of D^½ (H + decay) D^½: learning rate times preconditioned
            sharpness.
        threshold: `scaled` at which steps become unstable.
        vectors: Eigenvectors of both, to start from at a later step.
        error: Bound on the error of `scaled`.
    """

    sharpness: float
    scaled: float
    threshold: float
    vectors: tuple[Tensor, Tensor]
    error: float

    @property
    def ratio(self) -> float:
        """`scaled` divided by its threshold: 1 at the edge of stability."""
        return self.scaled / self.threshold


def stability(
    hessian: Hessian,
    optimizer: Optimizer,
    start: tuple[Tensor, Tensor] | None = None,
    tolerance: float = TOLERANCE,
) -> Stability:
    """How close the next step of an optimizer is to the edge of stability.

    Thresholds of `scaled` (Cohen et al., arXiv 2103.00065 and 2207.14484): 2 for gradient descent,
    2 + 2β for heavy ball, (2 + 2β)/(1 + 2β) with Nesterov's momentum, (2 + 2β₁)/(1 - β₁) for Adam
    and AdamW, 38 at β₁ = 0.9. Weight decay that is part of the gradient (SGD, Adam) is part of the
    curvature: H + decay; decoupled decay is far below that of the loss, and is left out.

    Args:
        hessian: The Hessian of the training loss at the current weights.
        optimizer: SGD, Adam or AdamW, or several of these as one; its parameters are the
            Hessian's.
        start: `vectors` of an earlier step.
        tolerance: Relative error of the eigenvalues, about.

    Raises:
        InputError: The optimizer is another one, maximizes, or its groups differ in momentum.
    """
    require_descent(optimizer)
    scale, thresholds = scales(hessian, optimizer)
    if max(thresholds) - min(thresholds) > 1e-9 * max(thresholds):
        raise InputError(
            "the optimizer's groups differ in momentum, so that its steps have no common threshold"
        )
    first, second = (None, None) if start is None else start
    plain = top_eigenvalues(hessian, start=first, tolerance=tolerance)
    decay = decays(hessian, optimizer)
    own = top_eigenvalues(hessian, scale=scale, start=second, tolerance=tolerance, added=decay)
    return Stability(
        sharpness=plain.values[0],
        scaled=own.values[0],
        threshold=thresholds[0],
        vectors=(plain.vectors[0], own.vectors[0]),
        error=own.error,
    )


def scales(hessian: Hessian, optimizer: Optimizer) -> tuple[Tensor, list[float]]:
    """Learning rate over preconditioner of every entry (n,), and the threshold of every group.

    Args:
        hessian: Gives the order of the parameters.
        optimizer: SGD, Adam or AdamW, or several of these as one.

    Raises:
        InputError: See `stability`.
    """
    by_parameter: dict[int, Tensor] = {}
    thresholds = []
    gradients = unflatten(hessian.gradient().detach(), hessian.parameters)
    gradient_of = {id(p): g for p, g in zip(hessian.parameters, gradients, strict=True)}
    for part, group in _groups(optimizer):
        rule = _rule(part)
        thresholds.append(rule.threshold(group))
        for p in group["params"]:
            if id(p) in gradient_of:
                state = part.state.get(p, {})
                gradient = gradient_of[id(p)] + _decay(part, group) * p.detach()
                scale = rule.preconditioner(p, gradient, group, state)
                by_parameter[id(p)] = float(group["lr"]) / scale
    missing = [p for p in hessian.parameters if id(p) not in by_parameter]
    if missing:
        raise InputError(
            f"the optimizer does not have {len(missing)} of the model's parameters, "
            f"the first of shape {tuple(missing[0].shape)}"
        )
    return flatten([by_parameter[id(p)].detach() for p in hessian.parameters]), thresholds


def decays(hessian: Hessian, optimizer: Optimizer) -> Tensor | None:
    """What weight decay adds to the diagonal of the Hessian (n,); None: nothing.

    Args:
        hessian: Gives the order of the parameters.
        optimizer: See `stability`; it has all of them.
    """
    of = {id(p): _decay(part, g) for part, g in _groups(optimizer) for p in g["params"]}
    if not any(of[id(p)] for p in hessian.parameters):
        return None
    return flatten([torch.full_like(p, of[id(p)]) for p in hessian.parameters]).detach()


def _decay(part: Optimizer, group: dict[str, Any]) -> float:
    """The decay that an optimizer adds to the gradient; AdamW's is decoupled."""
    decoupled = type(part) is AdamW or group.get("decoupled_weight_decay", False)
    return 0.0 if decoupled else float(group.get("weight_decay", 0.0))


@dataclass(frozen=True)
class _Rule:
    """How an optimizer preconditions, and the largest stable learning rate × curvature."""

    preconditioner: Callable[[Tensor, Tensor, dict[str, Any], dict[str, Any]], Tensor]
    threshold: Callable[[dict[str, Any]], float]


def _ones(p: Tensor, gradient: Tensor, group: dict[str, Any], state: dict[str, Any]) -> Tensor:
    return torch.ones_like(p)


def _root_of_second_moment(
    p: Tensor, gradient: Tensor, group: dict[str, Any], state: dict[str, Any]
) -> Tensor:
    """√v̂ + ε with both bias corrections, of the coming step (arXiv 2207.14484, equation 2).

    It counts the coming gradient: entries that had none so far, such as embeddings of tokens that
    are new, would else move without bound.

    Args:
        p: A parameter.
        gradient: Its gradient on the measured batches, with weight decay that is part of it.
        group: Its parameter group.
        state: Its state in the optimizer; empty before the first step.
    """
    beta1, beta2 = (float(b) for b in group["betas"])
    step = float(state.get("step", 0)) + 1
    second: Tensor = (1 - beta2) * gradient**2
    if "exp_avg_sq" in state:
        second = second + beta2 * state["exp_avg_sq"]
    if "max_exp_avg_sq" in state:  # AMSGrad
        second = second.maximum(state["max_exp_avg_sq"])
    root = (second / (1 - beta2**step)).sqrt()
    scale: Tensor = (1 - beta1**step) * (root + float(group["eps"]))
    return scale


def _heavy_ball(group: dict[str, Any]) -> float:
    beta = float(group["momentum"])
    if group["nesterov"]:
        return (2 + 2 * beta) / (1 + 2 * beta)
    return (2 + 2 * beta) / (1 - float(group["dampening"]))


def _adam(group: dict[str, Any]) -> float:
    beta = float(group["betas"][0])
    return (2 + 2 * beta) / (1 - beta)


_RULES: Sequence[tuple[type[Optimizer], _Rule]] = (
    (SGD, _Rule(_ones, _heavy_ball)),
    (AdamW, _Rule(_root_of_second_moment, _adam)),
    (Adam, _Rule(_root_of_second_moment, _adam)),
)


def has_threshold(optimizer: Optimizer) -> bool:
    """Whether the threshold of an optimizer's stability is known."""
    return all(any(type(part) is kind for kind, _ in _RULES) for part, _ in _groups(optimizer))


def require_descent(optimizer: Optimizer) -> None:
    """Refuse an optimizer that maximizes: the curvature that limits its steps is that of -loss.

    Args:
        optimizer: Any optimizer, or several as one.

    Raises:
        InputError: A group has `maximize=True`.
    """
    if any(group.get("maximize", False) for _, group in _groups(optimizer)):
        raise InputError(
            "the optimizer maximizes (maximize=True), and probes measure descent: return minus the "
            "objective as the loss, and leave maximize out"
        )


def _groups(optimizer: Optimizer) -> Iterator[tuple[Optimizer, dict[str, Any]]]:
    """The parameter groups of an optimizer, or of all of which it consists."""
    for part in getattr(optimizer, "parts", [optimizer]):
        for group in part.param_groups:
            yield part, group


def _rule(optimizer: Optimizer) -> _Rule:
    for kind, rule in _RULES:
        if type(optimizer) is kind:
            return rule
    known = ", ".join(kind.__name__ for kind, _ in _RULES)
    raise InputError(
        f"the threshold of {type(optimizer).__name__} is not known, only those of {known}; "
        "the critical learning rate can be measured for any optimizer"
    )
