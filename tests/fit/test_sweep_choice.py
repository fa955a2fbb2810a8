"""A sweep, its fit, its summary and its configuration name one choice."""

from __future__ import annotations

import json
from math import log2
from pathlib import Path

import pytest

from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.documents.sweep import BestTrial, Counts, Population, SweepDocument
from mutransfer_cli.emit.scale import scale
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.forecast.forecasting import make_prediction
from mutransfer_cli.fit.forecast.ladder_runs import TableOptions
from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.fit.run_summary import fit_lines, summarize
from mutransfer_cli.fit.sweep_choice import with_choice
from mutransfer_cli.search.storage.run import Run
from tests.helpers.run_directories import RECIPE, finished_run

# a drift that is steady contradicts muP, of which the fit knows
STEADY = RECIPE + "parameterization: sp\n"
TARGET = STEADY + "target: {width: 64}\n"


def drifting(width: int, x: float, seed: int) -> float:
    """The optimum is 2^-6 at width 8 and half an octave lower at each doubling."""
    return 2 + 3 / width + 0.05 * (x + 6 + 0.5 * log2(width / 8)) ** 2 + 0.003 * seed * (x % 2)


def swept(folder: Path) -> SweepDocument:
    """What the sweep says before it is fitted: the lowest loss of all trials."""
    return SweepDocument(
        run=str(folder),
        trials=Counts(asked=42, finished=42, pruned=0, diverged=0, failed=0),
        best=BestTrial(width=32, seed=0, loss=2.1, params={"lr": 2.0**-7}),
        seconds=1.0,
        flops=1.0,
        trials_per_second=None,
        population=Population(size=1, batched=False, why=""),
        workers=1,
        device="cpu",
    )


@pytest.mark.parametrize(("recipe", "optimum"), [(STEADY, -7.0), (TARGET, -7.5)])
def test_one_choice_in_every_command(tmp_path: Path, recipe: str, optimum: float) -> None:
    """At the largest rung, or at the target of the recipe."""
    folder = finished_run(tmp_path / "run", recipe, drifting)
    run = Run.open(folder)
    fitted = fit_run(run).document()
    assert log2(fitted.hyperparameters["lr"]) == pytest.approx(optimum, abs=0.1)
    best = with_choice(swept(folder), folder).best
    assert best is not None and best.params == fitted.hyperparameters and best.seed is None
    assert best.reason == fitted.choice_reason
    assert summarize(run).hyperparameters == fitted.hyperparameters
    if recipe == TARGET:
        scaled = scale(folder).document
        assert scaled.hyperparameters["lr"] == fitted.hyperparameters["lr"]
        notes = [note for note in scaled.notes if "lr 0.0" in note]
        assert len(notes) == 1 and "lowest expected regret at the target (width 64" in notes[0]
        assert scaled.prediction is not None
        assert scaled.prediction.optimum["lr"] == scaled.prediction.lr


def test_a_sweep_without_an_optimum_names_its_lowest_trial(tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "run", RECIPE, lambda width, x, seed: 5 - 0.1 * x)
    best = with_choice(swept(folder), folder).best
    assert best is not None and best.params == {"lr": 2.0**-7} and best.seed == 0
    assert "no rung has an optimum yet" in best.reason


def test_a_transfer_that_fails_is_a_deviation(tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "run", RECIPE, drifting)
    assert fit_run(Run.open(folder)).verdict == "fails"
    found = scale(folder, width=64, format="torch").document
    (deviation,) = [d for d in found.deviations if d.what == "transfer of the optimum"]
    assert (deviation.wanted, deviation.got) == ("holds", "fails")
    assert any(note.startswith("transfer: fails: ") for note in found.notes)
    flat = finished_run(tmp_path / "flat", RECIPE)  # the control: no drift
    held = scale(flat, width=64, format="torch").document
    assert all(d.what != "transfer of the optimum" for d in held.deviations)


def test_a_fit_for_another_target_is_named(tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "run", RECIPE, drifting)
    document = fit_run(Run.open(folder), target={"width": 64.0}).document()
    path = tmp_path / "fit.json"
    path.write_text(json.dumps(document.model_dump(mode="json", by_alias=True)))
    recipe = folder / "recipe.yaml"
    same = scale(recipe, width=64, fit=path).document
    assert same.hyperparameters["lr"] == document.hyperparameters["lr"]
    assert not any("was not made for the target" in note for note in same.notes)
    there = fit_run(Run.open(folder), target={"width": 128.0}).document()
    other = scale(recipe, width=128, fit=path).document
    assert other.hyperparameters["lr"] == there.hyperparameters["lr"]
    assert other.hyperparameters["lr"] != document.hyperparameters["lr"]
    assert any("was made for other sizes" in note for note in other.notes)
    gone = document.model_copy(update={"source": str(tmp_path / "gone")})  # its runs are not there
    path.write_text(json.dumps(gone.model_dump(mode="json", by_alias=True)))
    alone = scale(recipe, width=128, fit=path).document
    assert any("was not made for the target" in note for note in alone.notes)


def test_a_target_of_the_recipe_has_its_own_verdict(tmp_path: Path) -> None:
    """It is where the choice is made; the command line makes it part of the other verdict."""
    far = RECIPE + "target: {width: 4096}\n"  # seven octaves beyond a span of two
    run = Run.open(finished_run(tmp_path / "run", far))
    plain, named = fit_run(run).document(), fit_run(run, target={"width": 4096.0}).document()
    assert plain.hyperparameters == named.hyperparameters
    assert plain.verdict == "holds" and named.verdict == "inconclusive"
    assert [cost.at for cost in plain.transfer] == ["width 32"]
    assert [cost.at for cost in named.transfer] == ["width 32", "the target (width 4096)"]
    there, judged = plain.target_verdict, named.target_verdict
    assert there is not None and judged is not None
    assert (there.verdict, there.counted, judged.counted) == ("inconclusive", False, True)
    assert there.at == "the target (width 4096)" and there.high is not None and there.high > 0.005
    for part in ("on both sides of 0.50%", "7 octaves beyond the runs in width, which span 2"):
        assert part in there.reason
    assert there.reason.endswith("; run a rung nearer the target: width 362")  # √(32 · 4096)
    assert f"target inconclusive: {there.reason}" in summarize(run).lines
    assert not any(line.startswith("target ") for line in fit_lines(named))  # said by the verdict
    scaled = scale(run.path).document
    assert scaled.hyperparameters["lr"] == plain.hyperparameters["lr"]
    assert f"transfer to the target: inconclusive: {there.reason}" in scaled.notes


def test_a_transfer_that_fails_at_the_target_of_the_recipe_fails(tmp_path: Path) -> None:
    """A drift of .3: at width 64 .9 octaves cost .81 %, at 256 1.5 octaves cost 2.25 %."""
    recipe = STEADY.replace("[8, 16, 32]", "[8, 16, 32, 64]").replace("[-9, -3]", "[-10, -4]")

    def slowly(width: int, x: float, seed: int) -> float:
        return 2 + 0.02 * (x + 6 + 0.3 * log2(width / 8)) ** 2 + 0.0003 * seed * (x % 2)

    def fitted(folder: str, text: str) -> FitDocument:
        run = Run.open(finished_run(tmp_path / folder, text, slowly))
        return fit_run(run, tolerance=0.0091).document()

    found = fitted("near", recipe + "target: {width: 256}\n")
    there = found.target_verdict
    assert there is not None and (there.verdict, there.counted) == ("fails", True)
    assert found.verdict == "fails" and "at the target (width 256)" in found.reason
    ladder = fitted("ladder", recipe)
    assert ladder.verdict == "holds" and ladder.target_verdict is None


@pytest.mark.parametrize("named", [True, False])
def test_a_target_below_the_ladder_is_refused_by_every_answer(tmp_path: Path, named: bool) -> None:
    """One rule and one message in `fit` and `predict`; a configuration may be that small."""
    recipe = RECIPE if named else RECIPE + "target: {width: 4}\n"
    folder = finished_run(tmp_path / "run", recipe)
    given = {"width": 4.0} if named else {}
    message = "target: width 4 is smaller than the smallest width of the ladder, 8"
    with pytest.raises(InputError, match=message):
        fit_run(Run.open(folder), target=given)
    with pytest.raises(InputError, match=message):
        make_prediction(str(folder), given, table=TableOptions())
    assert scale(folder, width=4).document.hyperparameters
