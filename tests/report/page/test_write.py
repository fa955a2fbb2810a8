"""The page of a run: its numbers are those of the fit, and it needs nothing from outside."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.report.page import page_file
from mutransfer_cli.report.page.sentences import next_step
from mutransfer_cli.report.page.write import write_report
from mutransfer_cli.search.storage.run import Run
from tests.helpers.sweeps import run_sweep, write_recipe

TABLE = "width,lr,loss,seed\n" + "".join(
    f"{w},{2.0**x},{2 + 3 / w + 0.04 * (x + 6) ** 2 + 0.001 * s},{s}\n"
    for w in (32, 64)
    for x in range(-9, -2)
    for s in (0, 1)
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    path = write_recipe(folder, **{"[-4, -2]": "[-9, -1]"})
    run_sweep(path, folder / "run", engine="one-by-one")
    return folder / "run"


def embedded(page: str, name: str) -> object:
    found = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', page)
    assert found is not None
    return json.loads(found[1])


def test_its_numbers_are_those_of_the_fit(run: Path, tmp_path: Path) -> None:
    target = {"width": 32.0}
    written = write_report([str(run)], tmp_path / "r.html", target=target, svg=tmp_path / "svg")
    page = (tmp_path / "r.html").read_text()
    expected = fit_run(Run.open(run), target=target).document()
    assert embedded(page, "documents") == [json.loads(expected.model_dump_json(by_alias=True))]
    assert written.fits == (expected,) and written.bytes == len(page.encode())
    for name, decided in expected.decided.items():
        assert f"{decided.value:.4g}</td>" in page, name
    assert expected.verdict in page and "hidden" in page  # the plan of the target
    assert page.index("Regret is the loss") < page.index('class="answer"')
    figures = embedded(page, "figures")
    assert isinstance(figures, dict) and set(figures) == set(
        re.findall(r'data-figure="(.*?)"', page)
    )
    assert {Path(path).stem for path in written.plots} == set(figures)
    assert all(Path(path).read_text().startswith("<?xml") for path in written.plots)


def test_nothing_is_fetched(run: Path, tmp_path: Path) -> None:
    write_report([str(run)], tmp_path / "r.html", target={})
    page = (tmp_path / "r.html").read_text().replace(page_file.plotly_script(), "")
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    assert "http" not in page.replace("http-equiv", "")
    assert len(page) < 1_000_000


def test_runs_and_tables_stand_side_by_side(run: Path, tmp_path: Path) -> None:
    table = tmp_path / "a<b>.csv"
    table.write_text(TABLE)
    written = write_report([str(run), str(table)], tmp_path / "r.html", target={})
    page = (tmp_path / "r.html").read_text()
    assert len(written.fits) == 2 and "The runs of this page" in page
    assert "a&lt;b&gt;.csv" in page and "<b>" not in page.split("<script")[0]
    assert "has no model to plan" in page
    _, of_the_table = written.fits
    assert all(fit.drift_reason in page for fit in written.fits)
    undecided = of_the_table.model_copy(update={"verdict": "holds", "target_verdict": None})
    assert "scale RECIPE --fit FIT" in next_step(undecided, "a.csv", is_run=False)
    assert "scale run " in next_step(undecided, "run", is_run=True)  # the control


def test_what_is_wrong_is_one_line(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="absent"):
        write_report([str(tmp_path / "absent")], tmp_path / "r.html", target={})
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"--output .*cannot be written"):
        write_report([str(run)], tmp_path / "file" / "r.html", target={})
    monkeypatch.setattr(page_file, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install plotly"):
        write_report([str(run)], tmp_path / "r.html", target={})


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed")
def test_a_browser_draws_every_plot(run: Path, tmp_path: Path) -> None:
    """In headless Chromium: all plots are drawn, and nothing is logged to its console."""
    write_report([str(run)], tmp_path / "r.html", target={})
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    options += ["--disable-background-networking", "--enable-logging=stderr"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000"]
    done = subprocess.run(
        ["chromium", *options, "--dump-dom", f"file://{tmp_path / 'r.html'}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    plots = done.stdout.count("data-figure=")
    assert plots >= 2 and f'data-drawn="{plots}"' in done.stdout
    assert done.stdout.count('class="plot js-plotly-plot"') == plots
    assert "CONSOLE" not in done.stderr
