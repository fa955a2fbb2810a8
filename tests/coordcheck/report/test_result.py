"""The JSON of a report."""

from __future__ import annotations

import json

from mutransfer_cli import check
from tests.helpers.check_subjects import WIDTHS, subject, unscaled_second


def test_the_schema_comes_first_and_sizes_are_widths() -> None:
    report = check(subject(lr=unscaled_second), WIDTHS)
    values = json.loads(report.to_json())
    assert next(iter(values)) == "schema" and values["verdict"] == "fail"
    assert values["widths"] == WIDTHS and "sizes" not in values
