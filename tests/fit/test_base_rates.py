"""Raw rates of hidden matrices."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.base_rates import check_rate_options, hidden_lr_factor


def test_the_factor_of_hidden_matrices() -> None:
    """muP, Table 8 of Tensor Programs V: Adam's rate falls with width, SGD's stays."""
    assert hidden_lr_factor("adamw", 4.0) == 0.25
    assert hidden_lr_factor("sgd", 4.0) == 1.0


def test_options() -> None:
    check_rate_options("raw", "adamw")
    with pytest.raises(InputError, match="--lr-is cooked: expected base or raw"):
        check_rate_options("cooked", "adamw")
    with pytest.raises(InputError, match="--optimizer"):
        check_rate_options("raw", "adamx")
