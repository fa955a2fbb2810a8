"""Formats comments for the files of target stacks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from mutransfer_cli.quoting import one_line


def comment_block(lines: Sequence[str]) -> str:
    """Lines as comments, each with its line break; a line stays one line, whatever is in it."""
    return "".join(f"# {one_line(line)}".rstrip() + "\n" for line in lines)


class _Dumper(yaml.SafeDumper):
    """Writes text with line breaks or special characters in one line, between double quotes."""

    def ignore_aliases(self, data: object) -> bool:
        """Values that stand twice are written twice."""
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def yaml_text(values: object) -> str:
    """Plain data as YAML in ASCII, in its own order, a scalar never over several lines."""
    text: str = yaml.dump(values, Dumper=_Dumper, sort_keys=False, width=float("inf"))
    return text


def commented_yaml(values: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    """YAML in the order of `values`; a comment follows the line of its key, at any depth."""
    lines = []
    for line in yaml_text(dict(values)).removesuffix("\n").split("\n"):
        key = re.match(r"\s*(?:- )?([A-Za-z_]\w*):", line)
        comment = comments.get(key[1]) if key else None
        lines.append(f"{line}  # {one_line(comment)}" if comment else line)
    return "\n".join(lines) + "\n"
