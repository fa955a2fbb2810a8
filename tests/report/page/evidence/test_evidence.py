"""Checks, probes, laws and forecasts on the page: found, worst first, the same numbers."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from matplotlib import pyplot as plt

from mutransfer_cli.documents.base import as_json
from mutransfer_cli.documents.check import (
    CheckDocument,
    ControlReport,
    ModuleReport,
    Slope,
    TensorReport,
)
from mutransfer_cli.documents.law import LawCurve, LawDocument, LawPicture
from mutransfer_cli.documents.predict import PredictDocument
from mutransfer_cli.documents.probe import Measure, ProbeDocument, ProbeListDocument
from mutransfer_cli.documents.probe import Series as ProbeSeries
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.report.page.evidence.evidence_files import Evidence, split_sources
from mutransfer_cli.report.page.evidence.evidence_panels import evidence_panels, probe_panels
from mutransfer_cli.report.page.panel_plot import plot_panel, superscripts
from mutransfer_cli.report.page.plotly_figure import plotly_figure, traces
from mutransfer_cli.report.page.write import write_report
from tests.helpers.run_directories import finished_run


def slope(value: float) -> Slope:
    return Slope(value=value, low=value - 0.1, high=value + 0.1, expected=0.0)


def tensor(name: str, value: float) -> TensorReport:
    fails = value > 0.25
    return TensorReport(
        name=name,
        role="hidden",
        verdict="fail" if fails else "pass",
        finding="lr-too-large" if fails else None,
        message="too large" if fails else None,
        fix="divide it by m" if fails else None,
        update_slope=slope(value),
        init_slope=None,
        decay_slope=None,
    )


CHECK = CheckDocument(
    verdict="fail",
    reason="2 of 3 tensors do not scale as mup",
    regime="unstable",
    expected="mup",
    widths=(64, 128),
    seeds=3,
    seconds=1.0,
    tensors=(tensor("good", 0.0), tensor("bad", 0.5), tensor("worst", 1.0)),
    modules=tuple(
        ModuleReport(
            name=name,
            init_slope=slope(0.0),
            change_slope=slope(value),
            init={64: 1.0, 128: 1.0},
            change={64: 1.0, 128: 2.0**value},
        )
        for name, value in (("flat", 0.0), ("steep", 1.0))
    ),
    control=ControlReport(what="-", verdict="fail"),
    limits=(),
)
PROBE = ProbeDocument(
    probe="sharpness",
    question="Is it at the edge?",
    subject="r",
    verdict="pass",
    reason="0.31 of its threshold",
    measures=(
        Measure(
            name="ratio", at={"width": 64}, estimate=Interval(value=0.3123, low=0.3, high=0.33)
        ),
    ),
    method="by eigsh",
    confidence=0.9,
    seconds=1.0,
)
LAW = LawDocument(
    source="t.csv",
    form="power",
    confidence=0.95,
    sizes=("params",),
    parameters={"E": Interval(value=1.7, low=1.6, high=1.8)},
    points=12,
    residual=0.01,
    held_out=None,
    predictions=(
        {"params": 1e9, "loss": Interval(value=2.25, low=2.2, high=2.3)},
        {"params": 1e8, "loss": Interval(value=2.75, low=2.7, high=2.8)},
    ),
    method="least squares",
    unidentified=(),
)
FORECAST = PredictDocument(
    source="runs",
    target={"width": 4096, "depth": None},
    loss=Interval(value=1.9876, low=1.9, high=2.1),
    optimum={"lr": Interval(value=0.0123, low=0.01, high=0.015)},
    regret=Interval(value=0.00031, low=0.0, high=0.0047),
    distance=3.0,
    confidence=0.95,
    method="surface",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evidence")
    run = finished_run(folder / "bowls")
    (run / "check.json").write_text(as_json(CHECK))
    (folder / "probes.json").write_text(as_json(ProbeListDocument(results=(PROBE,))))
    (folder / "law.json").write_text(as_json(LAW))
    (folder / "forecast.json").write_text(as_json(FORECAST))
    (folder / "table.json").write_text('[{"width": 8, "lr": 0.1, "loss": 2.0}]')
    return folder


def test_documents_are_told_from_runs_and_tables(folder: Path) -> None:
    names = ("bowls", "probes.json", "law.json", "forecast.json", "table.json")
    runs, evidence = split_sources([str(folder / name) for name in names])
    assert [Path(path).name for path in runs] == ["bowls", "table.json"]
    assert evidence.checks == ((str(folder / "bowls/check.json"), CHECK),)
    assert [d for _, d in evidence.probes] == [PROBE]
    assert [d for _, d in evidence.laws] == [LAW]
    assert [d for _, d in evidence.forecasts] == [FORECAST]
    assert not split_sources([str(folder / "table.json")])[1]


def test_a_document_that_is_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"schema": "mutransfer/check/v1", "verdict": "fine"}')
    with pytest.raises(InputError, match=r"c\.json: not a document of mutransfer/check/v1"):
        split_sources([str(tmp_path / "c.json")])


def test_the_page_shows_them_worst_first(folder: Path, tmp_path: Path) -> None:
    names = ("bowls", "probes.json", "law.json", "forecast.json")
    page = tmp_path / "r.html"
    written = write_report([str(folder / name) for name in names], page, target={})
    text = page.read_text()
    assert len(written.evidence) == 4 and len(written.fits) == 1
    part = text[text.index('id="further"') :]
    order = [part.index(f"<code>{name}</code>") for name in ("worst", "bad", "good")]
    assert order == sorted(order)
    for number in ("0.3123 (0.3 to 0.33)", "1.7 (1.6 to 1.8)", "2.25 (2.2 to 2.3)", "1.988 (1.9"):
        assert number in part
    assert "0.03% (0.00% to 0.47%)" in part  # the forecast's regret, .00031 (0 to .0047)
    probe = part[part.index("Probe sharpness") : part.index("Law power")]
    assert "value</th>" in probe and "expected</th>" not in probe  # nothing is expected there
    found = re.search(r'<script id="evidence" type="application/json">(.*?)</script>', text)
    assert found is not None
    shown = [document["schema"] for document in json.loads(found[1])]
    assert shown == [f"mutransfer/{name}/v1" for name in ("check", "probe", "law", "predict")]
    drawn = re.findall(r'data-figure="(.*?)"', part)
    assert drawn == ["check1-init", "check1-change", "law1-loss"]


def test_documents_alone_are_no_report(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a run directory or a table"):
        write_report([str(folder / "law.json")], tmp_path / "r.html", target={})


def test_plots_have_the_numbers_of_the_documents(folder: Path) -> None:
    _, evidence = split_sources([str(folder / "bowls"), str(folder / "law.json")])
    panels = {panel.key: panel for panel in evidence_panels(evidence)}
    steep, flat = panels["check1-change"].series
    assert (steep.name, steep.x, steep.y) == ("steep", (64.0, 128.0), (1.0, 2.0))
    assert flat.y == (1.0, 1.0)
    (law,) = panels["law1-loss"].series
    assert law.x == (1e8, 1e9) and law.y == (2.75, 2.25) and law.low == (2.7, 2.2)


def test_the_caption_says_what_the_check_expects() -> None:
    """Under sp changes grow: a caption that calls for level ones would be wrong."""
    slopes = {"update_slope": Slope(value=1.0, low=0.9, high=1.1, expected=1.0)}
    control = CHECK.model_copy(
        update={
            "expected": "sp",
            "tensors": (CHECK.tensors[0].model_copy(update=slopes),),
        }
    )
    for document, words in (
        (CHECK, "none should grow or vanish."),
        (control, "sp does not keep them"),
    ):
        changes = evidence_panels(Evidence(checks=(("a", document),)))[1]
        assert words in changes.caption and document.expected in changes.title


def test_a_module_whose_output_is_that_of_another_is_drawn_once() -> None:
    model = CHECK.modules[1].model_copy(update={"name": "(model)"})
    document = CHECK.model_copy(update={"modules": (*CHECK.modules, model)})
    changes = evidence_panels(Evidence(checks=(("a", document),)))[1]
    assert [series.name for series in changes.series] == ["steep", "flat"]


def test_a_law_is_drawn_with_its_runs() -> None:
    picture = LawPicture(
        x_name="params",
        y_name="loss",
        points=(LawCurve(name="runs", x=(1e7, 1e8), y=(9.0, 2.5)),),
        lines=(LawCurve(name="law", x=(1e7, 1e9), y=(8.9, 2.0)),),
    )
    law = LAW.model_copy(update={"pictures": (picture,)})
    (panel,) = evidence_panels(Evidence(laws=(("a", law),)))
    assert [(s.style, s.x) for s in panel.series] == [("points", (1e7, 1e8)), ("line", (1e7, 1e9))]
    axes = plotly_figure(panel)["layout"]
    assert axes["xaxis"]["ticktext"] == ["10<sup>7</sup>", "10<sup>8</sup>", "10<sup>9</sup>"]
    assert axes["yaxis"]["tickvals"] == [2.0, 5.0, 10.0]  # 2 to 9
    # the same ticks on paper, in its own notation
    assert superscripts(axes["xaxis"]["ticktext"][0]) == "10$^{7}$"
    assert superscripts("0.5") == "0.5"


def test_theory_is_dashed_on_the_page_and_in_its_files(tmp_path: Path) -> None:
    """The two curves of one color are told apart by their dashes, not by color alone."""
    curve = ProbeSeries(
        name="lr",
        panel="optimum",
        x_name="width",
        y_name="log2",
        x=(32.0, 64.0),
        y=(-6.0, -7.0),
        expected=(-6.0, -6.0),
    )
    document = ProbeDocument(
        probe="entangle",
        question="?",
        subject="r",
        verdict="fail",
        reason="r",
        measures=(),
        series=(curve,),
        method="m",
        confidence=0.9,
        seconds=1.0,
    )
    (panel,) = probe_panels(document, "probe1")
    measured, theory = panel.series
    assert traces(theory)[0]["line"]["dash"] == "dash"
    assert "dash" not in traces(measured)[0]["line"]
    plot_panel(panel, tmp_path / "plot.svg")
    assert "stroke-dasharray" in (tmp_path / "plot.svg").read_text()
    assert theory.name == "expected" and panel.title == "entangle: optimum"
    # one line for curves whose theory is the same number, one for each where it is not
    for level, lines in ((-6.0, 1), (-5.0, 2)):
        other = curve.model_copy(update={"name": "b", "expected": (level, level)})
        (panel,) = probe_panels(document.model_copy(update={"series": (curve, other)}), "probe1")
        assert [s.style for s in panel.series].count("dashed") == lines
        assert sum(s.in_legend for s in panel.series if s.style == "dashed") == 1


def test_a_long_curve_does_not_cover_what_theory_predicts_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 200 points 8 have marks, of 3 (the control) all; dashes differ in color from the curve."""
    for points, most in ((200, 8), (3, None)):
        x = tuple(map(float, range(points)))
        given = ProbeSeries(name="a", panel="p", x_name="time", y_name="y", x=x, y=x, expected=x)
        (panel,) = probe_panels(PROBE.model_copy(update={"series": (given,)}), "probe1")
        (measured,), (theory,) = map(traces, panel.series)
        assert measured["marker"].get("maxdisplayed") == most
        assert theory["line"]["color"] != measured["line"]["color"]
        kept = list[Any]()
        monkeypatch.setattr(plt, "close", kept.append)
        plot_panel(panel, tmp_path / "plot.png")
        monkeypatch.undo()
        curve, dashes = kept[0].axes[0].lines
        assert curve.get_markevery() == (25 if most else 1)
        assert dashes.get_color() != curve.get_color()
        plt.close(kept[0])


class Landmarks(HTMLParser):
    """What a screen reader and a keyboard find, by the rules of axe-core that ask for it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []  # duplicate-id-aria: an id that is named is unique
        self.named: list[str] = []  # landmark-unique: no two landmarks of one name
        self.out_of_reach = 0  # scrollable-region-focusable: what scrolls takes the focus
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.ids += [str(held["id"])] if "id" in held else []
        if tag == "section" or held.get("role") == "region":
            self.named.append(str(held.get("aria-labelledby") or held.get("aria-label")))
        scrolls = tag == "pre" or held.get("class") == "wide"
        self.out_of_reach += scrolls and "tabindex" not in held


def test_a_keyboard_and_a_screen_reader_reach_every_part(tmp_path: Path) -> None:
    """Two runs beside each other have tables of the same name: these are no landmarks."""
    run = finished_run(tmp_path / "run")
    (tmp_path / "check.json").write_text(as_json(CHECK))
    sources = [str(run), str(run), str(tmp_path / "check.json")]
    write_report(sources, tmp_path / "r.html", target={})
    found = Landmarks((tmp_path / "r.html").read_text())
    assert len(set(found.ids)) == len(found.ids)
    assert len(found.named) == 3 and len(set(found.named)) == 3
    assert set(found.named) <= set(found.ids)
    assert not found.out_of_reach
    control = '<pre></pre><section aria-label="a" id="x"></section><div role="region" id="x">'
    assert Landmarks(control).out_of_reach == 1 and Landmarks(control).ids == ["x", "x"]
