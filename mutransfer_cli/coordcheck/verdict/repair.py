"""Separates several errors: repairs wrong inits, then judges the updates.

A wrong init changes the gradients of the layers around it and, with an optimizer that sees
their scale, the updates of those layers too. Deviations that vanish after the repair were only a
consequence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from mutransfer_cli.coordcheck.measure.training_step import BuildSubject
from mutransfer_cli.coordcheck.verdict.diagnosis import nearest_half
from mutransfer_cli.coordcheck.verdict.tensor_verdict import TensorVerdict
from mutransfer_cli.models.subject import Subject


def init_errors(verdicts: Sequence[TensorVerdict]) -> dict[str, float]:
    """Tensors whose init is significantly wrong, with the exponent by which it is."""
    return {
        v.name: nearest_half(v.init_deviation) for v in verdicts if v.aspects.get("init") == "fail"
    }


def with_repaired_inits(
    build: BuildSubject, errors: Mapping[str, float], smallest: int
) -> BuildSubject:
    """Return a builder whose inits are divided by the excess power of the width.

    Args:
        build: Builds the subject for a width and a seed.
        errors: The exponent by which the init of each tensor is off.
        smallest: The smallest width, at which nothing changes.
    """

    def repaired(width: int, seed: int) -> Subject:
        subject = build(width, seed)
        with torch.no_grad():
            for name, p in subject.model.named_parameters():
                if name in errors:
                    p.mul_((width / smallest) ** -errors[name])
        return subject

    return repaired


def separated(
    before: Sequence[TensorVerdict],
    after: Sequence[TensorVerdict],
    errors: Mapping[str, float] | None = None,
) -> list[TensorVerdict]:
    """Each tensor's own errors: inits as measured, updates as measured after the repair.

    Args:
        before: Verdicts on the model as it is.
        after: Verdicts on the model with repaired inits, in the same order.
        errors: The exponent by which the init of each tensor was off; by default as in `before`.
    """
    wrong = init_errors(before) if errors is None else errors
    found = []
    for old, new in zip(before, after, strict=True):
        if old.name not in wrong:
            found.append(replace(new, decay=old.decay, decay_deviation=old.decay_deviation))
            continue
        exponent = wrong[old.name]
        measured = nearest_half(old.init_deviation) == exponent
        init = old.init_deviation if measured else exponent
        found.append(replace(old, init_deviation=init, repaired_deviation=new.deviation))
    return found
