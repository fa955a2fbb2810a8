"""Findings: one row each, from which the document's schema and the manual come."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from mutransfer_cli.catalog.findings import FINDINGS
from mutransfer_cli.documents.check import CheckDocument, FaultReport

# The codes that scripts outside the project rely on.
CODES = [
    "lr-too-large", "lr-too-small", "init-too-large", "init-too-small", "multiplier-missing",
    "attention-scale", "weight-decay", "epsilon", "residual-scale", "not-trained", "lazy",
    "unstable",
]  # fmt: skip
MANUAL = Path(__file__).parents[2] / "docs" / "findings.md"


def test_codes_of_the_schema() -> None:
    fault = CheckDocument.model_json_schema()["$defs"]["FaultReport"]["properties"]["finding"]
    assert fault["type"] == "string" and set(CODES) <= set(fault["enum"]) == set(FINDINGS)


def test_another_code_is_refused() -> None:
    assert FaultReport(finding="lazy", where="", message="m").finding == "lazy"
    with pytest.raises(ValidationError, match="lr-too-big"):
        FaultReport(finding="lr-too-big", where="", message="m")


def test_the_manual_has_a_line_for_each() -> None:
    lines = MANUAL.read_text().splitlines()
    for code, row in FINDINGS.items():
        assert f"| `{code}` | {row.meaning} | {row.repair} |" in lines
    assert sum(line.startswith("| `") for line in lines) == len(FINDINGS)
