"""Compares the logits of inference, a call without targets, with those of training."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from mutransfer_cli.coordcheck.measure.recorder import Call, rms
from mutransfer_cli.models.subject import Subject


def inference_ratio(subject: Subject, call: Call) -> float | None:
    """The size of the logits without targets, relative to that with targets.

    Args:
        subject: The subject after training.
        call: The recorded call of the model in training.

    Returns:
        The ratio; None if the model takes no targets or cannot be called without them.
    """
    given = [*call.args, *call.kwargs.values()]
    if len(given) < 2 or not isinstance(given[0], Tensor):
        return None
    model = subject.model
    training = model.training
    model.eval()
    logits: list[Tensor] = []
    try:
        with torch.no_grad():
            for args, kwargs in ((call.args, call.kwargs), ((given[0],), {})):
                output = first_logits(model(*args, **kwargs))
                if output is None:
                    return None
                logits.append(output)
    except Exception:  # whatever a model raises that cannot be called without targets
        return None
    finally:
        model.train(training)
    with_targets, without = logits
    if with_targets.shape != without.shape and with_targets.dim() == without.dim() == 3:
        with_targets = with_targets[:, -without.shape[1] :]  # the last positions only
    if with_targets.shape != without.shape or not bool(with_targets.any()):
        return None
    return rms(without) / rms(with_targets)


def first_logits(output: object) -> Tensor | None:
    """The first floating-point tensor of an output that has a dimension of classes."""
    tensors = (leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor))
    return next((t for t in tensors if t.is_floating_point() and t.dim() >= 2), None)
