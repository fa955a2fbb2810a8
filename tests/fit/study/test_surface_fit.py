"""When the fit of a study takes drifts that decay for likelier."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.fit.decision.assumed_rules import TransferRules
from mutransfer_cli.fit.study.surface_fit import study_surface
from mutransfer_cli.surface.observation import Observation


def runs(*sizes: tuple[int, int]) -> list[Observation]:
    """Noisy parabolas at widths and step counts, whose optima move by 0.5 octaves per octave."""
    rng = np.random.default_rng(1)
    return [
        Observation(
            width=width,
            depth=2,
            batch=16,
            steps=steps,
            seed=0,
            lr=2.0**x,
            loss=2 + 0.02 * (x + 5 + i / 2) ** 2 + 0.006 * float(rng.standard_normal()),
        )
        for i, (width, steps) in enumerate(sizes)
        for x in range(-9, 0)
    ]


WIDTHS = ((32, 100), (64, 100), (128, 100))


def test_the_parameterization_says_which_sizes_do() -> None:
    """Yang et al. 2022 for the width; Dey et al. 2025 for CompleteP's depth; SP has no limit."""
    names = ("mup", "completep", "sp", None)
    limits = [TransferRules(parameterization=name).limits for name in names]
    assert limits == [("width",), ("width", "depth"), (), ()]


BOTH = ((32, 100), (64, 200), (128, 100))


@pytest.mark.parametrize(
    ("sizes", "limits", "decays"),
    [(WIDTHS, ("width",), True), (WIDTHS, ("depth",), False), (BOTH, ("width", "depth"), False)],
)
def test_a_limit_makes_decaying_drifts_likelier(
    sizes: tuple[tuple[int, int], ...], limits: tuple[str, ...], decays: bool
) -> None:
    seen = runs(*sizes)
    without = float(np.mean(study_surface(seen).surface.draws.decays))
    share = float(np.mean(study_surface(seen, limits=limits).surface.draws.decays))
    assert (share > without + 0.1) if decays else (share == without)
