"""A configuration from a run says where its numbers come from."""

from __future__ import annotations

import json
from dataclasses import replace
from math import log2
from pathlib import Path

import pytest

from mutransfer_cli.emit.fitted_optima import FittedOptima
from mutransfer_cli.emit.scale import scale
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.fit_file import write_fit
from mutransfer_cli.fit.study_fit import fit
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.surface.observation import Observation
from tests.helpers.commands import run
from tests.helpers.loss_curves import along
from tests.helpers.run_directories import RECIPE


def test_a_run_says_where_its_numbers_come_from(tmp_path: Path) -> None:
    text = """
name: r
model: {build: mlp, args: {d_in: 16, d_out: 4}}
data: {source: teacher, d_in: 16, d_out: 4}
base: {width: 16, depth: 1, batch: 16, steps: 20}
ladder: {width: [16, 32]}
search: {space: {lr: {log2: [-9, 1], step: 1.0}}, seeds: 2}
"""
    path, made = tmp_path / "r.yaml", tmp_path / "run"
    path.write_text(text)
    assert run("sweep", path, "--run", made) == 0
    found = scale(made, width=256, format="torch")
    p = found.document.provenance
    records = Run.open(made).records
    assert p is not None and p.trials == len(records)
    assert p.seconds == pytest.approx(sum(r.seconds for r in records))
    assert p.flops == pytest.approx(sum(r.flops for r in records))
    assert p.optima["lr"].value == found.document.hyperparameters["lr"]
    assert p.versions["torch"].startswith("2.") and p.digest and len(p.digest) == 64
    comments = [x for x in found.text().splitlines() if x.startswith("#")]
    for wanted in ("lowest expected regret", "trials of proxies", "FLOPs", "digest of the run"):
        assert any(wanted in x for x in comments), wanted
    json_text = scale(made, width=256).text()
    assert json.loads(json_text)["provenance"]["digest"] == p.digest
    said = "lr comes from --set; the fitted optimum"
    assert not any(note.startswith(said) for note in found.document.notes)
    by_recipe = scale(path, width=256, fit=made).document  # a run is as good as the file of its fit
    assert by_recipe.hyperparameters == found.document.hyperparameters
    by_hand = scale(made, width=256, sets=["lr=0.5"]).document
    assert by_hand.hyperparameters["lr"] == 0.5
    assert any(note.startswith(said) for note in by_hand.notes)


def test_the_optimum_is_that_of_the_source_among_rungs_of_one_width(tmp_path: Path) -> None:
    """Three depths of width 64 with optima 2^-5, 2^-5.5 and 2^-6: the deepest is the source."""
    runs = along("depth", {2: -5.0, 4: -5.5, 8: -6.0}, batch=16, steps=200)
    write_fit(fit(runs), tmp_path / "fit.json")
    found = FittedOptima.read(None, tmp_path / "fit.json", Size(64, 8, 16, 200))
    assert found.fit.source_rung is not None and found.fit.source_rung.depth == 8
    assert found.made_for_target
    assert log2(found.provenance().optima["lr"].value) == pytest.approx(-6, abs=1e-2)
    assert found.predicted().lr == found.provenance().optima["lr"]
    other = FittedOptima.read(None, tmp_path / "fit.json", Size(64, 2, 16, 200))
    assert not other.made_for_target
    assert any("was not made for the target" in note for note in other.notes())


def test_a_searched_batch_has_to_be_that_of_base_and_target(tmp_path: Path) -> None:
    """Rates best beside batch 32, as `Σ (log2 lr + 8)² + (log2 batch - 5)²` has them."""
    loss = {
        (w, x, b): 2 + (w / 64) ** -0.5 + 0.02 * (x + 8) ** 2 + 0.01 * (b - 5) ** 2
        for w in (64, 128) for x in range(-11, -4) for b in range(3, 8)
    }  # fmt: skip
    runs = [Observation(w, 2.0**x, 0, y, params={"batch": 2.0**b}) for (w, x, b), y in loss.items()]
    made = FittedOptima(fit(runs), Size(128, 2, 32, 200), None)
    recipe = loads(RECIPE, "recipe.yaml", ["base.batch=32"]).recipe
    applied = made.applied_to(recipe, {})
    assert applied.optimizer.lr == pytest.approx(2**-8, rel=0.02) and made.override_notes({}) == []
    with pytest.raises(InputError, match=r"beside batch 32.* --set base.batch=32 --batch 32"):
        replace(made, target=Size(128, 2, 16, 200)).applied_to(recipe, {})
