"""Settings of Sphinx for `make docs`."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent)]

from docs.reference_pages import write_reference  # noqa: E402 - the path is set first
from mutransfer_cli.version import __version__  # noqa: E402 - the path is set first

project = "mutransfer"
author = copyright = "The mutransfer developers"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "index"
exclude_patterns = ["README.md", "_build", "_templates"]
html_theme = "furo"
html_title = f"mutransfer {__version__}"
html_theme_options = {"top_of_page_buttons": []}
templates_path = ["_templates"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
suppress_warnings = ["misc.highlighting_failure"]  # blocks leave lines out with …

# Files beside docs/ are no pages: their links lead to the repository, or become plain text.
REPOSITORY = os.environ.get("MUTRANSFER_REPOSITORY", "")
OUTSIDE = re.compile(r"\[((?:[^\]\[]|\[[^\]]*\])+)\]\((?:\.\./)+(?!docs)([^)]+)\)")
write_reference(DOCS / "reference")


def outside_links(app: object, page: str, source: list[str]) -> None:
    """Point links to files beside docs/ to the repository."""
    link = rf"[\1]({REPOSITORY}/\2)" if REPOSITORY else r"\1"
    source[0] = OUTSIDE.sub(link, source[0])


def setup(app: object) -> None:
    """Register the change of links."""
    app.connect("source-read", outside_links)  # type: ignore[attr-defined] - Sphinx is no dependency
