"""The texts of a check along a further axis, which measures tensors as along the width."""

from __future__ import annotations

import re
from typing import Any

from mutransfer_cli.documents.check import CheckDocument


def in_words_of(document: CheckDocument, axis: str) -> CheckDocument:
    """The document of a check along another axis than the width, in words of that axis.

    Args:
        document: The document, whose texts speak of widths.
        axis: Name of the axis.
    """

    def words(value: Any) -> Any:
        if isinstance(value, str):
            value = re.sub(r"--widths\b", "--sizes", value)
            value = re.sub(r"\bwidths\b", "sizes", value)
            return re.sub(r"\bwider\b", "larger", re.sub(r"(?<!-)\bwidth\b", axis, value))
        if isinstance(value, dict):
            return {key: words(item) for key, item in value.items()}
        return [words(item) for item in value] if isinstance(value, list | tuple) else value

    values = document.model_dump(by_alias=True)
    kept = {key: values[key] for key in ("schema", "expected", "modules", "widths")}
    names = [t["name"] for t in values["tensors"]]
    changed = {**words(values), **kept, "axis": axis}
    for tensor, name in zip(changed["tensors"], names, strict=True):
        tensor["name"] = name
    for part in ("tensors", "faults"):
        for new, old in zip(changed[part], values[part], strict=True):
            new["finding"] = old["finding"]
    return CheckDocument.model_validate(changed)
