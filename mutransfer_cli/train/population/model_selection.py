"""Which models have a form with the trial dimension written out; the others train under vmap."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from mutransfer_cli.models.builtin.gpt import GPT
from mutransfer_cli.models.builtin.mlp import MLP
from mutransfer_cli.models.loss import SINGLE_BYTES, cross_entropy
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.train.population.batched_gpt import BatchedGPT
from mutransfer_cli.train.population.batched_mlp import ACTIVATION_NAMES, BatchedMLP
from mutransfer_cli.train.population.model_stack import ModelStack, Tensors


def select_stack(subject: Subject, plans: Sequence[Plan], states: Sequence[Tensors]) -> ModelStack:
    """The stack of these trials."""
    model = subject.model
    exact = all(p.element_size() >= SINGLE_BYTES and p.requires_grad for p in model.parameters())
    if exact and not has_hooks(model) and subject.loss is cross_entropy:
        if type(model) is MLP and model.act in ACTIVATION_NAMES:
            return BatchedMLP(subject, plans, states)
        if type(model) is GPT:  # a subclass may do otherwise
            return BatchedGPT(subject, plans, states)
    return ModelStack(subject, plans, states)


def has_hooks(model: nn.Module) -> bool:
    """Whether hooks are in its forward pass, as u-muP's: a form written out knows none of them."""
    return any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
