"""Applies the repairs of a check's document to the subjects that were checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from mutransfer_cli.coordcheck.measure.training_step import (
    BuildSubject,
    multiply_learning_rates,
    optimizer_parts,
)
from mutransfer_cli.documents.check import CheckDocument, Repair
from mutransfer_cli.models.subject import Subject


def repairs_of(document: CheckDocument) -> list[Repair]:
    faulty: Iterable[Any] = [*document.tensors, *document.faults]
    return [repair for part in faulty for repair in part.repairs]


def repaired(build: BuildSubject, document: CheckDocument) -> BuildSubject:
    """The same subjects with every repair applied as the document says."""
    repairs = repairs_of(document)

    def subject_at(width: int, seed: int) -> Subject:
        subject = build(width, seed)
        for repair in repairs:
            apply(subject, repair, repair.factors[width])
        return subject

    return subject_at


def apply(subject: Subject, repair: Repair, factor: float) -> None:
    named = dict(subject.model.named_parameters())
    if repair.quantity == "init":
        with torch.no_grad():
            named[repair.name].mul_(factor)
    elif repair.quantity == "lr":
        multiply_learning_rates(subject.model, subject.optimizer, {repair.name: factor})
    elif repair.quantity == "multiplier":
        multiply(subject.model, repair.name, factor, repair.name in named)
    else:
        # a group of its own
        multiply_learning_rates(subject.model, subject.optimizer, {repair.name: 1.0})
        for part in optimizer_parts(subject.optimizer):
            for group in part.param_groups:
                if any(p is named[repair.name] for p in group["params"]):
                    group[repair.quantity] *= factor


def multiply(model: nn.Module, name: str, factor: float, is_tensor: bool) -> None:
    """Multiply the input of a tensor's module, or the output of a module."""
    if is_tensor:
        module = model.get_submodule(name.rpartition(".")[0])
        module.register_forward_pre_hook(lambda _, given: (given[0] * factor, *given[1:]))
        return

    def scale(_: nn.Module, given: Any, output: Tensor) -> Tensor:
        return output * factor

    model.get_submodule(name).register_forward_hook(scale)
