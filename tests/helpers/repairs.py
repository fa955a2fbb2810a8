"""Applies the repairs of a check's document to the subjects that were checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from mutransfer_cli.coordcheck.measure.training_step import (
    BuildSubject,
    optimizer_parts,
)
from mutransfer_cli.documents.check import CheckDocument, Repair
from mutransfer_cli.models.subject import Subject
from tests.helpers.changed_rates import multiply_learning_rates


def repairs_of(document: CheckDocument) -> list[Repair]:
    return [*_of(document.tensors), *_of(document.faults)]


def _of(parts: Iterable[Any]) -> list[Repair]:
    return [repair for part in parts for repair in part.repairs]


def repaired(build: BuildSubject, document: CheckDocument) -> BuildSubject:
    """The same subjects with every repair applied as the document says."""
    of_tensors, of_faults = _of(document.tensors), _of(document.faults)

    def subject_at(width: int, seed: int) -> Subject:
        subject = build(width, seed)
        for repair in of_tensors:
            apply(subject, repair, repair.factors[width])
        for repair in of_faults:
            apply(subject, repair, repair.factors[width], of_fault=True)
        return subject

    return subject_at


def apply(subject: Subject, repair: Repair, factor: float, of_fault: bool = False) -> None:
    named = dict(subject.model.named_parameters())
    if repair.quantity == "init":
        with torch.no_grad():
            named[repair.name].mul_(factor)
    elif repair.quantity == "lr":
        multiply_learning_rates(subject.model, subject.optimizer, {repair.name: factor})
    elif repair.quantity == "input":
        multiply_input(subject.model.get_submodule(repair.name), factor)
    elif repair.quantity == "multiplier":
        is_tensor = repair.name in named
        name = repair.name.rpartition(".")[0] if is_tensor else repair.name
        multiply(subject.model.get_submodule(name), factor, before_bias=not of_fault)
    else:
        # a group of its own
        multiply_learning_rates(subject.model, subject.optimizer, {repair.name: 1.0})
        for part in optimizer_parts(subject.optimizer):
            for group in part.param_groups:
                if any(p is named[repair.name] for p in group["params"]):
                    group[repair.quantity] *= factor


def multiply(module: nn.Module, factor: float, before_bias: bool) -> None:
    """Multiply the product of a module with its input, before its bias, or the module's output."""
    if before_bias and getattr(module, "bias", None) is not None:
        multiply_input(module, factor)
        return

    def scale(_: nn.Module, given: Any, output: Tensor) -> Tensor:
        return output * factor

    module.register_forward_hook(scale)


def multiply_input(module: nn.Module, factor: float) -> None:
    module.register_forward_pre_hook(lambda _, given: (given[0] * factor, *given[1:]))
