"""The mapping from a plan's numbers to the keys of a file, tensor by tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from mutransfer_cli.documents.scale import KeyMapping
from mutransfer_cli.emit.core.abc_symmetry import Numbers, differ, rescaled, unexpressed
from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import planned_tied_logits
from mutransfer_cli.plans.types import TensorPlan

# In the order in which they are shown; weight decay and epsilon only where the plan has them.
QUANTITIES = ("lr", "weight_decay", "eps", "init_std", "multiplier")
DECIDED_BY_STACK = Key("", None)


def explain(request: EmitRequest, resolved: ResolvedConfig, stack: Stack) -> tuple[KeyMapping, ...]:
    """Each number of the plan, with the key that carries it and the number that results."""
    plan = request.plan
    rows = list(model_rows(request, resolved, stack.keys(request, resolved, None)))
    for tensor in plan.tensors:
        keys = stack.keys(request, resolved, tensor)
        rows += tensor_rows(tensor, resolved, keys, plan.optimizer)
    return tuple(rows)


def match_of(
    quantity: str, planned: Numbers, actual: Numbers | None, optimizer: str
) -> Literal["exact", "equivalent", "deviates", "missing"]:
    """Whether a tensor trains as planned, as far as one of its numbers decides it.

    Args:
        quantity: lr, weight_decay, eps, init_std or multiplier.
        planned: The planned numbers.
        actual: Those of the stack; None without such a tensor.
        optimizer: The plan's optimizer.
    """
    if actual is None:
        return "missing"
    t = actual.multiplier / planned.multiplier
    if quantity in unexpressed(rescaled(planned, t, optimizer), actual):
        return "deviates"
    return "equivalent" if differ(*(getattr(n, quantity) for n in (planned, actual))) else "exact"


def model_rows(
    request: EmitRequest, resolved: ResolvedConfig, keys: Mapping[str, Key]
) -> Iterator[KeyMapping]:
    """The numbers that belong to no tensor: multipliers of the forward pass, and clipping."""
    plan = request.plan
    planned: dict[str, float | None] = {"clip": plan.clip, **plan.forward}
    trained = planned | {"attention_scale": resolved.attention_scale}
    if resolved.tied_logits is not None:
        planned["logit_scale"] = planned_tied_logits(request, resolved)
        trained["logit_scale"] = resolved.tied_logits
    for quantity, value in planned.items():
        key = keys.get(quantity)
        if key is None and (value is None or quantity not in ("clip", "attention_scale")):
            continue  # those of tensors are in the tensors' own rows
        key = key or DECIDED_BY_STACK
        yield KeyMapping(
            tensor=None,
            quantity=quantity,
            planned=value,
            key=key.name or None,
            written=key.value,
            trained=trained[quantity],
            match="deviates" if differ(value, trained[quantity]) else "exact",
        )


def tensor_rows(
    tensor: TensorPlan, resolved: ResolvedConfig, keys: Mapping[str, Key], optimizer: str
) -> Iterator[KeyMapping]:
    """The numbers of one tensor; those of a tensor that the stack does not have are null.

    Args:
        tensor: The tensor.
        resolved: The resolved configuration.
        keys: The keys that carry the tensor's numbers.
        optimizer: The plan's optimizer.
    """
    planned, actual = resolved.planned[tensor.name], resolved.actual.get(tensor.name)
    for quantity in QUANTITIES:
        value = getattr(planned, quantity)
        if value is None or (quantity == "multiplier" and quantity not in keys and value == 1.0):
            continue
        key = keys.get(quantity, DECIDED_BY_STACK) if actual is not None else DECIDED_BY_STACK
        yield KeyMapping(
            tensor=tensor.name,
            quantity=quantity,
            planned=value,
            key=key.name or None,
            written=key.value,
            trained=None if actual is None else getattr(actual, quantity),
            match=match_of(quantity, planned, actual, optimizer),
        )
