"""The collapse probe on planted curves, whose verdict is known."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes import collapse
from mutransfer_cli.probes.curves.run_curves import Setting
from mutransfer_cli.probes.probe_run import run_probe
from mutransfer_cli.recipe.load import load
from mutransfer_cli.search.sweep import sweep
from mutransfer_cli.surface.loss_curves.loss_curve import LossCurve
from tests.helpers.commands import run
from tests.helpers.planted_curves import planted
from tests.helpers.run_directories import finished_run

NARROW = (16, 32, 64)
FOUR = (16, 32, 64, 128)
# name, how the curves are planted, the verdicts that are not wrong, the first of them right
CASES: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("five sizes alike", {}, ("pass", "inconclusive")),
    ("four sizes alike", {"sizes": FOUR}, ("pass", "inconclusive")),
    ("four sizes, rate times 2", {"sizes": FOUR, "speed": {128: 2.0}}, ("fail",)),
    ("eight seeds", {"seeds": 8, "rng_seed": 3}, ("pass", "inconclusive")),
    ("noisy seeds", {"seed_scatter": 0.03, "noise": 0.05}, ("pass", "inconclusive")),
    ("rate times 4", {"speed": {256: 4.0}}, ("fail",)),
    ("rate by 4", {"speed": {128: 0.25}}, ("fail",)),
    ("constant schedule", {"schedule": {64: "constant"}}, ("fail",)),
    ("decay too large", {"decay": {256: 0.3}}, ("fail",)),
    ("rate grows with the size", {"speed": {16: 0.5, 64: 2, 128: 4, 256: 8}}, ("fail",)),
]


def write(path: Path, curves: Sequence[LossCurve], until: float = 1.0) -> Path:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["width", "seed", "step", "loss"])
        for c in curves:
            for i, (x, y) in enumerate(zip(c.progress, c.losses, strict=True)):
                if x <= until:
                    rows.writerow([int(c.size or 0), c.seed, i, y])
    return path


def power_law(width: int, seed: int, speed: float) -> LossCurve:
    """Loss width^-0.1 (speed · t)^-0.4, times noise of the seed that all sizes share."""
    rng, steps = np.random.default_rng(seed), 120
    time = (np.arange(steps) + 1) / steps
    losses = width**-0.1 * (speed * time) ** -0.4 * np.exp(0.02 * rng.normal(size=steps))
    return LossCurve(time, losses, float(width), seed, f"width {width}")


def test_the_level_tells_a_wrong_rate_of_losses_that_fall_as_a_power(tmp_path: Path) -> None:
    """Twice the rate multiplies them by 2^-0.4 at every time: the shape stays, the level does not.

    From four sizes on the trend of levels fails; three have none, pass nothing, and say why.
    """
    for widths, alike in (((24, 48, 96, 192), "pass"), ((24, 48, 96), "inconclusive")):
        for speed in (2.0, 1.0):
            curves = [
                power_law(w, s, speed if w == widths[-1] else 1.0) for w in widths for s in range(6)
            ]
            document = run_probe("collapse", str(write(tmp_path / "power.csv", curves)))
            wrong = "fail" if len(widths) == 4 else "inconclusive"
            assert document.verdict == (wrong if speed == 2 else alike), document.reason
            if len(widths) < 4:
                assert "the shapes agree" in document.reason and "4 sizes" in document.reason
                assert document.advice is not None and "a ladder of 4 sizes" in document.advice


def language(
    wrong: int | None,
    *,
    scatter: float,
    widths: Sequence[int] = (16, 32, 64, 128),
    speed: float = 2.0,
    floor: float = 0.0,
) -> list[LossCurve]:
    """Losses that no width and no time reduce: 1.7 + 2 (width/16)^-0.35 + (speed · t)^-0.3."""
    rng, curves = np.random.default_rng(7), []
    time = (np.arange(300) + 1) / 300
    for width in widths:
        s = speed if width == wrong else 1.0
        mean = 1.7 + 2 * (width / 16) ** -0.35 + (s * time + 0.01) ** -0.3 + floor * (1 - time)
        for seed in range(5):
            factor = np.exp(scatter * rng.normal() + 5 * scatter * rng.normal(size=300))
            curves.append(LossCurve(time, mean * factor, float(width), seed, f"width {width}"))
    return curves


@pytest.mark.parametrize("scatter", [0.001, 0.003])
def test_a_law_between_two_trends_is_no_fault(scatter: float, tmp_path: Path) -> None:
    """However alike seeds are; the control: the largest at twice the rate fails."""
    for wrong, verdicts in ((None, {"pass", "inconclusive"}), (128, {"fail"})):
        table = write(tmp_path / "curves.csv", language(wrong, scatter=scatter))
        document = run_probe("collapse", str(table))
        assert document.verdict in verdicts, document.reason
        assert ("width 128" in document.reason) == (wrong == 128)


@pytest.mark.parametrize("widths", [NARROW, FOUR])
def test_shapes_that_follow_the_size_are_no_fault(widths: tuple[int, ...], tmp_path: Path) -> None:
    """A noise floor that every size has bends the curves of large sizes more: by 0.01 here."""
    curves = language(None, scatter=0.0005, widths=widths, floor=0.3)
    document = run_probe("collapse", str(write(tmp_path / "curves.csv", curves)))
    assert document.verdict == "inconclusive"
    assert "do not collapse" in document.reason and "of the loss" in document.reason


@pytest.mark.parametrize("sizes", [NARROW, (16, 256)])
@pytest.mark.parametrize(
    ("settings", "verdicts"),
    [
        ({}, {"inconclusive"}),
        ({"speed": {16: 2.0}}, {"fail", "inconclusive"}),
        ({"speed": {16: 4.0}}, {"fail"}),
        ({"decay": {16: 0.3}}, {"fail"}),
        ({"schedule": {16: "constant"}}, {"fail"}),
    ],
)
def test_fewer_than_four_sizes_never_pass(
    sizes: tuple[int, ...], settings: dict[str, Any], verdicts: set[str], tmp_path: Path
) -> None:
    table = write(tmp_path / "curves.csv", planted(sizes, **settings))
    document = run_probe("collapse", str(table))
    assert document.verdict in verdicts, document.reason


def test_ten_known_cases(tmp_path: Path) -> None:
    """None wrong, at least eight decided."""
    decided = 0
    for name, settings, right in CASES:
        table = write(tmp_path / "curves.csv", planted(**settings))
        document = run_probe("collapse", str(table))
        assert document.verdict in right, (name, document.reason)
        decided += document.verdict == right[0]
    assert decided >= 8


def test_the_size_at_fault_is_named_from_the_first_half(tmp_path: Path) -> None:
    table = write(tmp_path / "curves.csv", planted(speed={128: 4.0}))
    document = run_probe("collapse", str(table))
    assert document.reason.startswith("width 128 leaves the other sizes")
    assert "already in the first half" in document.reason
    late = write(tmp_path / "late.csv", planted(schedule={64: "constant"}))
    assert "width 64" in run_probe("collapse", str(late)).reason


def test_a_partial_run_is_predicted_from_smaller_ones(tmp_path: Path) -> None:
    curves = planted()
    smaller = write(tmp_path / "smaller.csv", [c for c in curves if c.size != 256])
    partial = write(tmp_path / "mine.csv", curves[-1:], until=0.25)
    document = run_probe("collapse", str(smaller), predict=0.25, curve=partial)
    (final,) = [m.estimate for m in document.measures if m.name == "final loss"]
    assert document.verdict == "pass"
    assert final.low is not None and final.high is not None
    assert final.low < curves[-1].final < final.high
    drawn = {s.name: s for s in document.series}["predicted for width 256"]
    assert (drawn.y, drawn.low, drawn.high) == ((final.value,), (final.low,), (final.high,))
    assert drawn.x == (0.95,)  # the middle of the last tenth, whose mean is predicted
    slow = write(tmp_path / "slow.csv", planted(speed={256: 0.25})[-1:], until=0.25)
    assert any("first 25% of a run up to 200" in note for note in document.notes)
    warned = run_probe("collapse", str(smaller), predict=0.25, curve=slow)
    assert warned.verdict == "fail" and warned.reason.startswith("the run leaves the others")


def test_a_curve_by_itself(tmp_path: Path) -> None:
    curve = planted((64,), seeds=1)[0]
    document = run_probe(
        "collapse", str(write(tmp_path / "mine.csv", [curve], until=0.25)), predict=0.25
    )
    assert document.verdict == "inconclusive"
    (final,) = [m.estimate for m in document.measures]
    assert final.low is not None and final.high is not None
    assert final.low < curve.final < final.high


def test_a_run_directory(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE)
    sweep(load(path, []), tmp_path / "run")
    document = run_probe("collapse", str(tmp_path / "run"))
    assert document.verdict in ("pass", "inconclusive", "fail")
    curves = {s.name for s in document.series if s.panel == "normalized loss curves"}
    assert curves == {"width 16", "width 32", "width 64"}
    # three sizes have no trend, so no level
    assert {s.name for s in document.series} - curves == {"shape"}
    back = run_probe("collapse", str(tmp_path / "run"), predict=0.25)
    assert [m.at["size"] for m in back.measures] == ["width 64"] * 3
    assert all(m.expected is not None for m in back.measures)
    assert {s.name: s for s in back.series}["predicted for width 64"].y == (
        back.measures[0].estimate.value,
    )


RECIPE = """
name: small
model: {build: mlp, args: {activation: tanh}}
optimizer: {name: sgd, lr: 0.1}
data: {source: teacher, d_in: 16, d_out: 4}
base: {width: 16, depth: 1, batch: 16, steps: 60}
ladder: {width: [16, 32, 64]}
search: {seeds: 3, extend: 0, space: {lr: {log2: [-4, -3], step: 1.0}}}
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a,b\n1,2\n", "no column 'step'"),
        ("step,value\n1,2\n", "no column 'loss'"),
        ("step,loss\n0,1\n1,0.5\n", "name no size"),
        ("step,loss,width\n0,1,8\n1,0.5,8\n", "two sizes or more"),
        ("step,loss\n0,one\n", "loss"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "c.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=line):
        run_probe("collapse", str(path))


def test_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = str(write(tmp_path / "curves.csv", planted()))
    assert run("probe", "collapse", table, "--plot", str(tmp_path / "c.png")) == 0
    assert run("probe", "noise", table, "--predict", "0.2") == 2
    assert "probe noise does not take it" in capsys.readouterr().err
    assert run("probe", "collapse", table, "--curve", table) == 2
    assert "needs --predict" in capsys.readouterr().err
    assert run("probe", "noise", table) == 2
    assert "expected a recipe" in capsys.readouterr().err
    assert run("probe", "collapse", table, "--predict", "2") == 2


def test_the_level_of_intervals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At 95 % unless asked otherwise; Student's quantiles, three freedoms: 3.1824 and 2.3534."""
    table = str(write(tmp_path / "curves.csv", planted(seeds=4)))
    reach = {}
    for level, options in ((0.95, []), (0.9, ["--confidence", "0.9"])):
        assert run("probe", "collapse", table, *options, "--json") in (0, 3)
        document = json.loads(capsys.readouterr().out)
        assert document["confidence"] == level
        ratio = document["measures"][0]["estimate"]
        drawn = {s["name"]: s for s in document["series"] if s["panel"].startswith("each size")}
        assert set(drawn) == {"shape", "level"} and len(drawn["shape"]["low"]) == 5
        reach[level] = ratio["high"] - ratio["value"]
    assert reach[0.95] / reach[0.9] == pytest.approx(3.1824 / 2.3534, rel=1e-3)
    run("probe", "collapse", table, "--confidence", "0.995")
    assert "Intervals at 99.5% confidence" in " ".join(capsys.readouterr().out.split())


def test_a_run_whose_sizes_share_no_setting_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of the sampler sobol; the control, a grid, is `test_a_run_directory`."""
    curves = planted(NARROW)
    settings = [Setting(f"lr = {size}", tuple(c for c in curves if c.size == size))
                for size in NARROW]  # fmt: skip
    monkeypatch.setattr(collapse, "settings_of_run", lambda _: settings)
    with pytest.raises(InputError, match="every size ran settings of its own"):
        run_probe("collapse", str(finished_run(tmp_path / "run")))


def test_a_prediction_from_runs_that_do_not_collapse_is_inconclusive(tmp_path: Path) -> None:
    curves = planted()
    partial = write(tmp_path / "mine.csv", curves[-1:], until=0.25)
    for name, runs, verdict in (
        ("a", planted(speed={128: 4.0}), "inconclusive"),
        ("b", curves, "pass"),
    ):
        table = str(write(tmp_path / f"{name}.csv", [c for c in runs if c.size != 256]))
        found = run_probe("collapse", table, predict=0.25, curve=partial)
        assert found.verdict == verdict
        assert ("do not collapse" in found.reason) == (verdict == "inconclusive")
