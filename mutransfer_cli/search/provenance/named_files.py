"""Finds the files that a module's source names: by one string, or by a path joined of several."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

CONFIGS = (".yaml", ".yml", ".toml", ".ini", ".cfg", "config.json")
READ_BY_MODELS = (
    *CONFIGS, ".json", ".jsonl", ".txt", ".csv", ".tsv", ".npy", ".npz", ".pt", ".pth", ".bin",
    ".safetensors", ".parquet", ".h5", ".pkl", ".inc",
)  # fmt: skip
LONGEST_NAME = 255  # characters of a string that may name a file
MOST_FILES = 1000  # that one pattern names
SEARCHES = ("glob", "rglob", "iglob")


def named_files(tree: ast.Module, path: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    """Files that a module names, beside the module or in the current folder.

    Args:
        tree: The module's syntax tree.
        path: Its file.
        suffixes: Ends of names; files with other names do not count.
    """
    folders = tuple(dict.fromkeys((path.parent, Path.cwd())))
    for text in dict.fromkeys(named_paths(tree)):
        if not text.endswith(tuple(suffixes)) or len(text) > LONGEST_NAME or "\0" in text:
            continue
        for folder in folders:
            try:
                found = files_at(folder, text)
            except (OSError, ValueError, NotImplementedError):  # a text that is no path here
                break
            yield from found
            if found:
                break


def files_at(folder: Path, text: str) -> list[Path]:
    """The file that a path or the files that a pattern names, seen from a folder."""
    if "*" in text:
        matching = islice(folder.glob(text), MOST_FILES)
        return sorted(p.resolve() for p in matching if p.is_file())
    return [(folder / text).resolve()] if (folder / text).is_file() else []


def named_paths(tree: ast.AST) -> Iterator[str]:
    """Every text of a module, and every path that it joins of some, from the last unknown part.

    A pattern that begins with `**` may search a whole disk: it is left out.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if "*" not in node.value:
                yield node.value
        elif isinstance(node, ast.BinOp | ast.Call | ast.JoinedStr):
            text = "/".join(part.strip("/") for part in parts_of_path(node))
            if not text.startswith("**"):
                yield text


def parts_of_path(node: ast.AST) -> list[str]:
    """The known parts at the end of a path: of `a / "b" / "c.json"`, b and c.json."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value] if node.value.strip("/") else []
    operands: list[ast.expr] = []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Add):
        operands = [node.left, node.right]
    elif isinstance(node, ast.JoinedStr):
        operands = node.values
    elif isinstance(node, ast.Call):
        operands = list(node.args)
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in (*SEARCHES, "joinpath"):
            deep = [ast.Constant("**")] if function.attr == "rglob" else []
            operands = [function.value, *deep, *operands]
    parts: list[str] = []
    for operand in operands:
        known = parts_of_path(operand)
        parts = parts + known if known else []
    return parts
