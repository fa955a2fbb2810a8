"""Formats comments for the files of target stacks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml


def comment_block(lines: Sequence[str]) -> str:
    """Lines as comments, each with its line break."""
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def commented_yaml(values: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    """YAML in the order of `values`; a comment follows the line of its key, at any depth."""
    text: str = yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, width=1000)
    lines = []
    for line in text.splitlines():
        key = re.match(r"\s*(?:- )?([A-Za-z_]\w*):", line)
        comment = comments.get(key[1]) if key else None
        lines.append(f"{line}  # {comment}" if comment else line)
    return "\n".join(lines) + "\n"
