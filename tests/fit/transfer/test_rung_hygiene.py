"""Rungs that cannot be compared are named, and clean ladders are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mutransfer_cli.fit.study_fit import fit_study
from mutransfer_cli.fit.table_fit import fit_table
from mutransfer_cli.fit.transfer.rung_hygiene import confounded_notes, undercooled_note
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.response.response_surface import ResponseSurface
from mutransfer_cli.surface.response.runs import Array
from mutransfer_cli.surface.transfer.rung_scatter import rung_scatter
from tests.benchmarks.prediction_coverage import observations
from tests.benchmarks.synthetic_truths import Truth, grid
from tests.helpers.quadratic_ladders import ladder
from tests.helpers.recipes import GOOD

STILL = [-8.0] * 4


def notes(runs: list[Observation]) -> str:
    return "; ".join(fit_study(runs).hygiene)


@pytest.mark.parametrize("drift", [0.0, -0.5])
def test_a_clean_ladder_has_no_notes(drift: float) -> None:
    assert notes(ladder([-8 + drift * z for z in range(4)])) == ""


@pytest.mark.slow
def test_synthetic_truths_have_no_notes() -> None:
    """Rungs of the same noise; curvatures that scatter by 7 %, optima off the line in a third."""
    named = [seed for seed in range(40) if fit_study(observations(grid(Truth(seed)))).hygiene]
    assert named == []


def test_a_noisy_rung_is_named() -> None:
    found = notes(ladder(STILL, noise={1: 4e-3}))
    assert "width 64 scatters" in found and found.count("scatters") == 1


def test_the_scatter_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds all rungs: measuring it for each of 60 took a third of the fit's time."""
    calls: list[int] = []

    def counted(surface: ResponseSurface, fewest: int) -> Array:
        calls.append(fewest)
        return rung_scatter(surface, fewest)

    monkeypatch.setattr("mutransfer_cli.fit.transfer.rung_hygiene.rung_scatter", counted)
    assert notes(ladder(STILL)) == ""
    assert len(calls) == 1


def test_a_rung_off_the_line_is_named() -> None:
    found = notes(ladder([-8.0, -8.0, -7.0, -8.0, -8.0]))
    assert "width 128 has its optimal learning rate +" in found and "off the line" in found


def test_a_rung_of_another_shape_is_named() -> None:
    found = notes(ladder([-8.0] * 5, curvatures={2: 0.04}))
    assert "width 128 has" in found and "times the curvature" in found


def test_small_rungs_with_fewer_settings_are_named() -> None:
    # two octaves between rates at width 32, half an octave elsewhere: 0.6 settings against 2.2
    found = notes(ladder(STILL, steps={0: 2.0}, half={0: 4.0}))
    assert "width 32 is tuned less than the largest rung" in found
    assert "width 64" not in found


def test_a_small_rung_at_the_end_of_its_range_is_named() -> None:
    runs = ladder(STILL)
    cut = [o for o in runs if o.width != 32 or o.lr <= 2.0**-8.4]
    found = notes(cut)
    assert "width 32 is best at the high end of its learning rate" in found
    assert "high end" not in notes(runs)


def test_a_large_rung_may_be_at_the_end() -> None:
    """The note is about small rungs; the largest one has its own."""
    cut = [o for o in ladder(STILL) if o.width != 256 or o.lr <= 2.0**-8.4]
    assert "the largest rung is not" not in notes(cut)


def with_decay(runs: list[Observation], values: dict[int, float]) -> list[Observation]:
    return [replace(o, params={"weight_decay": values[o.width or 0]}) for o in runs]


def test_a_hyperparameter_that_follows_the_rung_is_named() -> None:
    runs = ladder(STILL)
    found = confounded_notes(with_decay(runs, {32: 0.1, 64: 0.1, 128: 0.2, 256: 0.2}))
    assert len(found) == 1
    assert "weight_decay differs between rungs and not inside them (0.1 at width 32" in found[0]


def test_a_hyperparameter_that_is_constant_or_searched_is_not() -> None:
    runs = ladder(STILL)
    assert confounded_notes(with_decay(runs, dict.fromkeys((32, 64, 128, 256), 0.1))) == []
    searched = [replace(o, params={"weight_decay": d}) for o in runs for d in (0.1, 0.2)]
    assert confounded_notes(searched) == []


def test_a_column_that_follows_from_the_width_is_named(tmp_path: Path) -> None:
    def fitted(decay: dict[int, float]) -> str:
        lines = ["width,lr,weight_decay,ffn,loss"]
        lines += [
            f"{o.width},{o.lr},{decay[o.width or 0]},{4 * (o.width or 0)},{o.loss}"
            for o in ladder(STILL)
        ]
        table = tmp_path / "runs.csv"
        table.write_text("\n".join(lines) + "\n")
        return "; ".join(fit_table(str(table)).hygiene)

    found = fitted({32: 0.1, 64: 0.2, 128: 0.3, 256: 0.4})
    assert "weight_decay follows from width" in found and "ffn" not in found
    assert fitted(dict.fromkeys((32, 64, 128, 256), 0.1)) == ""


def undercooled(name: str, steps: tuple[int, int], decay: float = 0.2) -> str | None:
    schedule = f"schedule: {{name: {name}, warmup: 0.1, decay: {decay}}}\n"
    recipe = loads(GOOD + schedule).recipe
    return undercooled_note(recipe, [Observation(64, 0.01, 0, 2.0, steps=s) for s in steps])


def test_a_decay_of_a_fixed_share_on_short_rungs_is_named() -> None:
    # 20 % of 100 steps are 20, of 1600 are 320
    found = undercooled("wsd", (100, 1600))
    assert found is not None
    assert "100 steps decay over 20 steps" in found and "1600 over 320" in found


def test_other_schedules_and_long_decays_are_not() -> None:
    assert undercooled("linear", (100, 1600)) is None
    assert undercooled("wsd", (100, 100)) is None
    assert undercooled("wsd", (800, 1600)) is None  # 160 steps at least
