"""axe-core finds no error on the pages of the manual and on a report, in headless Chromium.

Needs `make docs`'s tools, and axe-core's script (`npm install axe-core`, any version) named by
MUTRANSFER_AXE=node_modules/axe-core/axe.min.js.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from mutransfer_cli.report.page.write import write_report
from tests.helpers.source import ROOT

AXE = os.environ.get("MUTRANSFER_AXE", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AXE, reason="MUTRANSFER_AXE names no script of axe-core"),
    pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed"),
    pytest.mark.skipif(find_spec("furo") is None, reason="furo is not installed"),
]
# its verdict, one line for each kind of error, becomes the title of the page
RUN = """<script>{axe}</script><script>addEventListener("load", async () => {{
  document.body.dataset.theme = "{theme}";
  const found = (await axe.run()).violations;
  document.title = "axe:" + found.map(v => v.id + " " + v.nodes[0].target).join("; ");
}})</script></body>"""
VIEWS = [("1400,900", "light"), ("390,800", "dark")]
TABLE = "width,lr,loss\n" + "".join(
    f"{w},{2.0**x},{2 + 3 / w + 0.04 * (x + 6) ** 2}\n" for w in (32, 64) for x in range(-9, -2)
)


def found_by_axe(page: Path, profile: Path, size: str, theme: str) -> str:
    """What axe-core finds on a page, empty if nothing."""
    script = RUN.format(axe=Path(AXE).read_text(encoding="utf-8"), theme=theme)
    tried = page.with_name("_axe.html")
    tried.write_text(page.read_text(encoding="utf-8").replace("</body>", script))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    options += [f"--user-data-dir={profile}", f"--window-size={size}"]
    options += [f"--blink-settings=preferredColorScheme={0 if theme == 'dark' else 1}"]
    done = subprocess.run(
        ["chromium", *options, "--virtual-time-budget=20000", "--dump-dom", f"file://{tried}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    tried.unlink()
    title = re.search(r"<title>axe:(.*?)</title>", done.stdout, re.DOTALL)
    assert title is not None, page
    return title[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", str(ROOT / "docs"), str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    yield folder


@pytest.mark.timeout(3600)
def test_the_manual_has_no_error(site: Path, tmp_path: Path) -> None:
    pages = [page for page in site.rglob("*.html") if "_static" not in page.parts]
    assert len(pages) > 60
    found = {
        (str(page.relative_to(site)), *view): found_by_axe(page, tmp_path, *view)
        for page in pages
        for view in VIEWS
    }
    assert {where: errors for where, errors in found.items() if errors} == {}


@pytest.mark.parametrize("view", VIEWS)
def test_a_report_has_no_error(tmp_path: Path, view: tuple[str, str]) -> None:
    for name in ("mup.csv", "sp.csv"):
        (tmp_path / name).write_text(TABLE)
    page = tmp_path / "report.html"
    write_report([str(tmp_path / "mup.csv"), str(tmp_path / "sp.csv")], page, target={})
    assert found_by_axe(page, tmp_path / "profile", *view) == ""


def test_errors_are_found(site: Path, tmp_path: Path) -> None:
    """Furo's page as it is without our template."""
    page = site / "quickstart.html"
    page.write_text(page.read_text().replace(' aria-level="2"', "").replace(' tabindex="0"', ""))
    found = found_by_axe(page, tmp_path, *VIEWS[0])
    assert "aria-required-attr" in found and "scrollable-region-focusable" in found
