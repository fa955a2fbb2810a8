"""Plots of probes: rows of panels, and logarithmic axes where theory predicts powers."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib import pyplot as plt

from mutransfer_cli.documents.probe import ProbeDocument, Series
from mutransfer_cli.report.probe_plot import plot_probes


def document(probe: str, panels: int) -> ProbeDocument:
    series = tuple(
        Series(name="a", panel=f"p{i}", x_name="width", y_name="y", x=(1.0, 2.0), y=(1.0, 4.0))
        for i in range(panels)
    )
    return ProbeDocument(
        probe=probe, question="?", subject="x", verdict="pass", reason="r", measures=(),
        series=series, method="m", confidence=0.9, seconds=0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("probe", "panels", "rows", "scale"),
    [("norms", 7, 3, "log"), ("features", 1, 1, "log"), ("limit", 3, 1, "linear")],
)
def test_panels(
    probe: str,
    panels: int,
    rows: int,
    scale: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    plot_probes([document(probe, panels)], tmp_path / "x.png")
    monkeypatch.undo()
    (drawing,) = kept
    assert (tmp_path / "x.png").stat().st_size > 1000
    shown = [a for a in drawing.axes if a.axison]
    assert len(shown) == panels
    assert drawing.axes[0].get_gridspec().nrows == rows
    assert {a.get_yscale() for a in shown} == {scale}
    plt.close(drawing)


def test_values_of_one_size_have_a_linear_axis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a logarithmic one their ticks would read 9.605 x 10^-1."""
    flat = document("norms", 1)
    curve = flat.series[0].model_copy(update={"y": (1.0, 1.01)})
    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    plot_probes([flat.model_copy(update={"series": (curve,)})], tmp_path / "x.png")
    monkeypatch.undo()
    (drawing,) = kept
    assert drawing.axes[0].get_yscale() == "linear"
    plt.close(drawing)


def test_what_is_constant_looks_constant_and_what_is_expected_comes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6.2 and 6.4 are not the two ends of an axis; widths are numbers, not powers of 2."""
    flat = document("norms", 1)
    first = flat.series[0].model_copy(
        update={"y": (6.2, 6.4), "x": (16.0, 64.0), "expected": (1, 1), "expected_name": "edge"}
    )
    second = first.model_copy(update={"name": "b"})
    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    plot_probes([flat.model_copy(update={"series": (first, second)})], tmp_path / "x.png")
    monkeypatch.undo()
    (axes,) = (a for a in kept[0].axes if a.axison)
    assert axes.get_ylim()[0] == 0
    assert [t.get_text() for t in axes.get_xticklabels()] == ["16", "64"]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["a", "b", "edge"]
    plt.close(kept[0])


def test_the_interval_of_a_single_point_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a vertical line; the control, a curve, has a band in its place."""
    given = document("limit", 1)
    update = {"x": (0.95,), "y": (2.0,), "low": (1.5,), "high": (2.5,)}
    point = given.series[0].model_copy(update=update)
    pair = {name: value * 2 for name, value in update.items()} | {"x": (0.5, 1.0)}
    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    for series in (point, point.model_copy(update=pair)):
        plot_probes([given.model_copy(update={"series": (series,)})], tmp_path / "x.png")
    monkeypatch.undo()
    (single,), (band,) = ([a for a in d.axes if a.axison] for d in kept)
    (line,) = single.collections
    assert [tuple(end) for end in line.get_segments()[0]] == [(0.95, 1.5), (0.95, 2.5)]
    assert type(band.collections[0]).__name__ != type(line).__name__
    for drawing in kept:
        plt.close(drawing)


def test_an_axis_holds_the_whole_band_and_curves_have_marks_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = document("features", 1)
    first = given.series[0].model_copy(update={"y": (1.0, 1.0), "low": (0.9, 0.9), "high": (2, 2)})
    wide = first.model_copy(update={"high": (9.0, 9.0)})
    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    plot_probes([given.model_copy(update={"series": (first, first)})], tmp_path / "x.png")
    plot_probes([given.model_copy(update={"series": (wide,)})], tmp_path / "x.png")
    monkeypatch.undo()
    (near,), (far,) = ([a for a in d.axes if a.axison] for d in kept)
    assert near.get_yscale() == "linear" and near.get_ylim()[1] > 2
    assert far.get_yscale() == "log" and far.get_ylim()[1] > 9
    assert len({line.get_marker() for line in near.lines}) == 2
    for drawing in kept:
        plt.close(drawing)


@pytest.mark.parametrize(
    ("name", "steps", "shown"),
    [
        ("step", 3, ["1", "2", "3"]),
        ("size, from the smallest", 3, ["1", "2", "3"]),
        ("step", 9, []),
    ],
)
def test_few_steps_are_numbers(
    name: str, steps: int, shown: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three whole numbers stand at the axis; of many steps, powers of 2 do."""
    x = tuple(float(i + 1) for i in range(steps))
    given = document("sharpness", 1)
    curve = given.series[0].model_copy(update={"x_name": name, "x": x, "y": x})
    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    plot_probes([given.model_copy(update={"series": (curve,)})], tmp_path / "x.png")
    monkeypatch.undo()
    (axes,) = (a for a in kept[0].axes if a.axison)
    labels = [t.get_text() for t in axes.get_xticklabels()]
    assert labels == shown if shown else "3" not in labels
    plt.close(kept[0])


def test_curves_are_named_below_the_axes_and_many_have_bars_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six bands would hide each other, two (the control) do not; names would hide a curve."""
    given = document("norms", 1)
    curve = given.series[0].model_copy(update={"low": (0.5, 3.0), "high": (2.0, 5.0)})
    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    for count in (6, 2):
        curves = tuple(curve.model_copy(update={"name": f"w{i}"}) for i in range(count))
        plot_probes([given.model_copy(update={"series": curves})], tmp_path / "x.png")
    monkeypatch.undo()
    (many,), (few,) = ([a for a in d.axes if a.axison] for d in kept)
    for axes, kind, places in (
        (many, "LineCollection", 6),
        (few, "FillBetweenPolyCollection", 1),
    ):
        assert len({tuple(line.get_xdata()) for line in axes.lines}) == places
        assert {type(c).__name__ for c in axes.collections} <= {kind, "PolyCollection"}
        place = axes.get_legend().get_window_extent()
        assert place.y1 < axes.get_window_extent().y0
        assert [t.get_text() for t in axes.get_legend().get_texts()][-1] == "90% interval"
    assert [t.get_text() for t in many.get_yticklabels() if 0.5 <= t.get_position()[1] <= 5] == [
        "0.5", "1", "2", "5"
    ]  # fmt: skip
    for drawing in kept:
        plt.close(drawing)


@pytest.mark.parametrize(("expected", "wide"), [((1.0, 4.0), True), ((2.0, 2.0), False)])
def test_what_is_expected_is_seen_on_a_curve_that_follows_it(
    expected: tuple[float, float], wide: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The curve is wide and pale under thin dashes; one beside a level (the control) is not."""
    given = document("linear", 1)
    curve = given.series[0].model_copy(update={"expected": expected})
    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    plot_probes([given.model_copy(update={"series": (curve,)})], tmp_path / "x.png")
    monkeypatch.undo()
    (axes,) = (a for a in kept[0].axes if a.axison)
    measured, theory = axes.lines
    assert (measured.get_linewidth() > 2 * theory.get_linewidth()) == wide
    plt.close(kept[0])
