"""Dictionaries within rows, as W&B and MLflow export them, taken apart into columns."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

BARE_NAN = re.compile(r"(?<=[\s:\[(,])(-?)(nan|inf)(?=[\s,})\]])")


def flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """A record with the keys of nested objects joined by dots.

    W&B holds the settings of a run as `{"lr": {"value": 0.001}}`, or as JSON in a text.
    """
    values: dict[str, object] = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        nested = value
        if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
            try:
                nested = json.loads(value)
            except ValueError:
                nested = value
        if isinstance(nested, dict):
            if "value" in nested and nested.keys() <= {"value", "desc"}:
                inner = nested["value"]
                values.update(flat(inner, f"{name}.") if isinstance(inner, dict) else {name: inner})
            else:
                values.update(flat(nested, f"{name}."))
        elif isinstance(nested, list):
            pairs = {}
            if all(isinstance(item, dict) and {"key", "value"} <= item.keys() for item in nested):
                pairs = {str(item["key"]): item["value"] for item in nested}  # MLflow's REST API
            values.update(flat(pairs, f"{name}.") if pairs else {name: json.dumps(nested)})
        else:
            values[name] = nested
    return values


def dictionary(cell: str) -> dict[str, object]:
    """The dictionary that a cell holds as JSON or as Python writes it.

    Raises:
        ValueError: It holds none.
        SyntaxError: It holds none.
    """
    try:
        values = json.loads(cell)
    except ValueError:
        values = ast.literal_eval(BARE_NAN.sub(r"'\1\2'", cell))
    if not isinstance(values, dict):
        raise ValueError(cell)
    return {str(name): value for name, value in values.items()}
