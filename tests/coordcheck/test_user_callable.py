"""Callables that cannot be checked say so in a line."""

from __future__ import annotations

import pytest
from torch import nn

from mutransfer_cli import InputError, Subject, check
from tests.helpers.check_subjects import WIDTHS, subject


def test_what_cannot_be_checked_is_said() -> None:
    with pytest.raises(InputError, match="gives no loss and batch"):
        check(lambda width: nn.Linear(width, 2), WIDTHS)
    with pytest.raises(InputError, match="takes no argument `width`"):
        check(lambda size: nn.Linear(size, 2), WIDTHS)
    with pytest.raises(InputError, match="unknown option 'sedes'"):
        check(subject(), WIDTHS, sedes=3)


def test_what_cannot_step_is_no_optimizer() -> None:
    def build(width: int, seed: int) -> Subject:
        made = subject()(width, seed)
        return Subject(made.model, {"lr": 1e-3}, made.loss, made.batch)

    with pytest.raises(InputError, match="param_groups and step"):
        check(build, WIDTHS)
