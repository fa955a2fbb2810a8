"""The document of `report`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mutransfer_cli.documents.base import Part
from mutransfer_cli.documents.fit import FitDocument


class ReportDocument(Part):
    """What was written, and the fits that it shows."""

    schema_: Literal["mutransfer/report/v1"] = Field(default="mutransfer/report/v1", alias="schema")
    file: str = Field(description="the page")
    bytes: int = Field(description="its size, Plotly's script included")
    plots: tuple[str, ...] = Field(default=(), description="files of --png and --svg")
    fits: tuple[FitDocument, ...] = Field(description="by run, in their order")
    evidence: tuple[str, ...] = Field(
        default=(), description="files of checks, probes, laws and forecasts that it shows"
    )
