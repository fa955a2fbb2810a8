"""Several errors at once: repair the inits that are wrong, measure again, and see what is left.

A wrong init changes the gradients of what lies around it, and with an optimizer that is not
scale-free their updates too: what a repaired model does right was a consequence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from mutransfer_cli.coordcheck.measure.width_training import Make
from mutransfer_cli.coordcheck.verdict.diagnosis import halves
from mutransfer_cli.coordcheck.verdict.tensor_verdict import Judged
from mutransfer_cli.models.subject import Subject


def init_faults(judged: Sequence[Judged]) -> dict[str, float]:
    """Tensors whose init is certainly wrong, and by which exponent."""
    return {j.name: halves(j.init_off) for j in judged if j.aspects.get("init") == "fail"}


def repaired(make: Make, faults: Mapping[str, float], smallest: int) -> Make:
    """The same models with these inits divided by the power of the width that is too much."""

    def made(width: int, seed: int) -> Subject:
        subject = make(width, seed)
        with torch.no_grad():
            for name, p in subject.model.named_parameters():
                if name in faults:
                    p.mul_((width / smallest) ** -faults[name])
        return subject

    return made


def separated(before: Sequence[Judged], after: Sequence[Judged]) -> list[Judged]:
    """Each tensor's own faults: inits as they were found, updates as they are once repaired."""
    wrong = init_faults(before)
    found = []
    for old, new in zip(before, after, strict=True):
        if old.name in wrong:
            found.append(old)
        else:
            found.append(replace(new, decay=old.decay, decay_off=old.decay_off))
    return found
