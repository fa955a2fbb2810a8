"""Probes that need no statistics: weight decay, epsilon, inference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.coordcheck.measure.recorder import rms
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.subject import Subject

LOUD = 1024.0  # times the gradients: epsilon has no part in the update any more


def decay_of(subject: Subject) -> dict[str, float]:
    """The share that a step without gradients takes off each tensor: its weight decay."""
    assert subject.optimizer is not None
    named = dict(subject.model.named_parameters())
    before = {name: p.detach().clone() for name, p in named.items()}
    for p in named.values():
        p.grad = torch.zeros_like(p)
    subject.optimizer.step()
    found = {}
    for name, p in named.items():
        size = rms(before[name])
        if size > 0:
            found[name] = rms(p.detach() - before[name]) / size
    return found


def epsilon_ratios(
    fresh: Callable[[], Subject], backward: Callable[[Subject, Any], Any], batch: Any
) -> dict[str, float]:
    """Epsilon over the gradient's own size, for each tensor, entries weighted by |gradient|.

    Between a step with the gradients and one with 1024 times the gradients; weighted, because the
    bias of a key has a gradient of exactly 0.
    """
    moves: list[dict[str, Tensor]] = []
    weights: dict[str, Tensor] = {}
    for scale in (1.0, LOUD):
        subject = fresh()
        assert subject.optimizer is not None
        for _ in range(2):  # behind a readout that starts at 0 there is no gradient at first
            backward(subject, batch)
            named = {n: p for n, p in subject.model.named_parameters() if p.grad is not None}
            before = {n: p.detach().clone() for n, p in named.items()}
            for n, p in named.items():
                assert p.grad is not None
                weights[n] = p.grad.abs()
                p.grad.mul_(scale)
            subject.optimizer.step()
        moves.append({n: (p.detach() - before[n]).abs() for n, p in named.items()})
    found = {}
    for name, weight in weights.items():
        loud = float((weight * moves[1][name]).sum())
        if loud > 0:
            quiet = float((weight * moves[0][name]).sum())
            found[name] = max(0.0, loud / quiet - 1) if quiet > 0 else float("inf")
    return found


def repeatable(subject: Subject, seed: int) -> None:
    """Raises InputError where the same seed gives different batches."""
    assert subject.batch is not None
    first, again = (list(tensors_in(subject.batch(seed))) for _ in range(2))
    if len(first) != len(again) or any(
        a.shape != b.shape or not torch.equal(a, b) for a, b in zip(first, again, strict=True)
    ):
        raise InputError(
            f"batch: batch({seed}) gave two different batches; draw them from a generator that is "
            "seeded with it"
        )


def tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict | tuple | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from tensors_in(part)


def paths_differ(subject: Subject, call: Any) -> float | None:
    """How many times larger the logits are without targets than with; None where it cannot be told.

    call: the recorded call of the whole model in training.
    """
    given = [*call.args, *call.kwargs.values()]
    if len(given) < 2 or not isinstance(given[0], Tensor):
        return None
    model = subject.model
    was = model.training
    model.eval()
    outputs: list[Tensor] = []
    try:
        with torch.no_grad():
            for args, kwargs in ((call.args, call.kwargs), ((given[0],), {})):
                found = first_logits(model(*args, **kwargs))
                if found is None:
                    return None
                outputs.append(found)
    except (TypeError, ValueError, RuntimeError):  # it cannot be called without targets
        return None
    finally:
        model.train(was)
    trained, inferred = outputs
    if trained.shape != inferred.shape and trained.dim() == inferred.dim() == 3:
        trained = trained[:, -inferred.shape[1] :]  # the last positions alone
    if trained.shape != inferred.shape or not bool(trained.any()):
        return None
    return rms(inferred) / rms(trained)


def first_logits(value: Any) -> Tensor | None:
    """The first tensor with a dimension of classes in an output."""
    if isinstance(value, Tensor):
        return value if value.is_floating_point() and value.dim() >= 2 else None
    parts = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | tuple | list):
        return next((t for part in parts if (t := first_logits(part)) is not None), None)
    return None
