"""A class whose update changes its kind after the measured steps is refused, by number or code."""

from __future__ import annotations

import re

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.optimizers.geometry import SIGN
from mutransfer_cli.optimizers.own.late_kind import step_counts
from mutransfer_cli.optimizers.protocol import optimizer_spec
from tests.helpers.own_optimizers import Configured

HERE = "tests.helpers.own_optimizers:"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Starting", "(it has start_signs_step 200)"),  # signs of entries that vary: 0.77
        ("Starting", "its direction turned (to a cosine of 0.77) between steps 6 and 206"),
        # the norm of a gradient: ∝ its scale, in the denominator, up to the rounding of weights
        ("NormalizesLate", "its exponent over the gradient went from 0.00 to -1.0"),
        ('Starting{"start_signs_step": 5000}', "start_signs_step 5,000: later than the 2,048"),
        ("Ends", "its size went from 0.0058"),  # 6 steps of 2^-10, up to signs that noise turns
    ],
)
def test_refuses_a_kind_that_changes(name: str, text: str) -> None:
    with pytest.raises(InputError, match=re.escape(text)):
        optimizer_spec(HERE + name)


@pytest.mark.parametrize("name", ['Starting{"start_signs_step": 3}', "Waiting"])
def test_plans_a_kind_that_starts_at_once(name: str) -> None:
    """The controls: the same class with an early start, and an interval that changes nothing."""
    assert optimizer_spec(HERE + name).geometry == SIGN


def test_numbers_are_found_in_settings_too_and_sizes_are_none() -> None:
    found = step_counts(lambda groups: Configured(groups), Configured, {})
    assert found == {"settings.start_after": 40, "refresh": 90, "PERIOD": 70}


@pytest.mark.slow
def test_scalable_shampoo_preconditions_after_the_measured_steps() -> None:
    """Anil et al. 2020 (arXiv 2002.09018): its first steps are those of plain descent."""
    pytest.importorskip("pytorch_optimizer")
    path = "pytorch_optimizer:ScalableShampoo"
    with pytest.raises(InputError, match=r"step 25, preconditioning_compute_steps 1,000\)"):
        optimizer_spec(path)
