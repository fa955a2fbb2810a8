"""Selects the batched form of a model; models without one train under vmap."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from torch import nn

from mutransfer_cli.catalog.models import MODELS
from mutransfer_cli.models.loss import SINGLE_BYTES, cross_entropy
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.train.population.model_stack import ModelStack, Tensors

log = logging.getLogger(__name__)


def select_stack(subject: Subject, plans: Sequence[Plan], states: Sequence[Tensors]) -> ModelStack:
    """Stack the models of some trials in the fastest form that computes the same losses.

    Args:
        subject: The model of any of the trials.
        plans: Plan of every trial.
        states: Parameters and buffers of every trial.
    """
    model = subject.model
    exact = all(p.element_size() >= SINGLE_BYTES and p.requires_grad for p in model.parameters())
    if exact and not has_hooks(model) and subject.loss is cross_entropy:
        for row in MODELS:
            if row.batched is None:
                continue
            stack: type[ModelStack] = row.load_object(row.batched)
            if stack.supports(subject):
                return stack(subject, plans, states)
    log.debug("%s trains under vmap", type(model).__name__)
    return ModelStack(subject, plans, states)


def has_hooks(model: nn.Module) -> bool:
    """Whether the forward pass has hooks, such as u-μP's, which batched forms do not run."""
    return any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
