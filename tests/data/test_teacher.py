"""Random inputs with the classes of a fixed network."""

from __future__ import annotations

import torch

from mutransfer_cli.data.teacher import Teacher


def test_teacher_is_fixed_and_can_be_learned() -> None:
    a, b = (Teacher(8, 4).batch(0, 0, 16) for _ in range(2))
    assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])
    assert len(set(a[1].tolist())) > 1
