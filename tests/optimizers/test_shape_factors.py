"""The conventions for the scale of Muon's update: values by hand, and which of them transfer."""

from __future__ import annotations

import pytest

from mutransfer_cli.catalog.lr_adjustments import LR_ADJUSTMENTS
from mutransfer_cli.errors import InputError
from mutransfer_cli.optimizers.shape_factors import lr_adjustment, other_names


@pytest.mark.parametrize(
    ("name", "tall", "wide"),  # of (400, 100) and (100, 400), by hand from the published formulas
    [
        ("original", 2.0, 1.0),
        ("match_rms_adamw", 4.0, 4.0),
        ("spectral_unclamped", 2.0, 0.5),
        ("none", 1.0, 1.0),
        ("spectral", 20.0, 20.0),
        ("unit_rms_norm", 2.0, 0.5),
        ("shape_scaling", 2.0, 1.0),
        ("consistent_rms", 4.0, 4.0),
        ("keller_jordan", 2.0, 1.0),
        ("moonlight", 4.0, 4.0),
        ("dion", 2.0, 0.5),
        ("dion_rms_norm", 4.0, 4.0),
        ("rms_to_rms", 2.0, 0.5),
    ],
)
def test_values(name: str, tall: float, wide: float) -> None:
    adjustment = lr_adjustment(name)
    assert adjustment((400, 100)) == pytest.approx(tall)
    assert adjustment((100, 400)) == pytest.approx(wide)


def test_the_coefficient_of_the_recipe_replaces_the_library_s() -> None:
    assert lr_adjustment("consistent_rms", 1.0)((4, 4)) == 2.0
    assert lr_adjustment("spectral", 0.2).same_as(lr_adjustment("moonlight"))
    assert lr_adjustment("spectral", 0.2).formula == "0.2·√max(out, in)"
    assert lr_adjustment("spectral").formula == "√max(out, in)"


def test_one_name_means_opposite_things() -> None:
    """NVIDIA's `spectral` grows like √width; torch's `spectral_unclamped` is the condition."""
    nvidia, torchs = lr_adjustment("spectral"), lr_adjustment("spectral_unclamped")
    assert nvidia.width_exponent == 0.5 and not nvidia.transfers
    assert torchs.width_exponent == 0.0 and torchs.transfers


def test_what_transfers() -> None:
    """Spectral norms of updates have to be ∝ √(out/in) (Yang, Simon and Bernstein)."""
    all_of = [lr_adjustment(name) for name in LR_ADJUSTMENTS.names]
    assert {a.name for a in all_of if a.transfers} == {
        "spectral_unclamped",
        "unit_rms_norm",
        "dion",
        "rms_to_rms",
    }
    assert {a.name for a in all_of if a.width_exponent == 0.5} == {
        "match_rms_adamw",
        "spectral",
        "consistent_rms",
        "moonlight",
        "dion_rms_norm",
    }


def test_other_names_of_a_formula() -> None:
    assert other_names(lr_adjustment("dion")) == (
        "spectral_unclamped",
        "unit_rms_norm",
        "rms_to_rms",
    )
    assert other_names(lr_adjustment("spectral")) == ()


def test_an_unknown_convention_is_named() -> None:
    with pytest.raises(InputError, match=r"expected original .*found 'moon'") as raised:
        lr_adjustment("moon")
    assert raised.value.path == ("optimizer", "adjust_lr")
