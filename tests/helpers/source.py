"""The package's own source as data: modules, imports, strings, functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "mutransfer_cli"


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name, parsed."""
    return {name_of(path): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs: what stands under `if TYPE_CHECKING` does not."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from runtime_nodes(child)


@cache
def imports() -> dict[str, set[str]]:
    """For each module those of ours that it imports, also inside functions."""
    known = modules()
    graph: dict[str, set[str]] = {}
    for name, tree in known.items():
        targets = graph.setdefault(name, set())
        for node in runtime_nodes(tree):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names if alias.name in known}
            elif isinstance(node, ast.ImportFrom) and node.module in known:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    targets.add(inner if inner in known else node.module)
        targets.discard(name)
    return graph


def circles() -> list[list[str]]:
    """Strongly connected components of more than one module (Tarjan)."""
    graph, found = imports(), []
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph[node]:
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            at = stack.index(node)
            component = stack[at:]
            del stack[at:]
            if len(component) > 1:
                found.append(sorted(component))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def docstrings(tree: ast.Module) -> set[int]:
    """Identities of the constants that are docstrings."""
    nodes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = set()
    for node in ast.walk(tree):
        # also the strings below the fields of a class: pydantic takes them as descriptions
        body = node.body if isinstance(node, nodes) else []
        found |= {
            id(line.value)
            for line in body
            if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
        }
    return found


def strings(module: str) -> set[str]:
    """Every string in a module that is no docstring."""
    tree = modules()[module]
    docs = docstrings(tree)
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    }


def public_functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Public functions and methods of public classes, with `module:name`."""
    for module, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield f"{module}:{node.name}", node
            elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                        yield f"{module}:{node.name}.{inner.name}", inner


def parameters(function: ast.FunctionDef) -> list[str]:
    """Names of the parameters, without self, cls, `*args` and `**options`."""
    a = function.args
    names = [arg.arg for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
    return [name for name in names if name not in ("self", "cls")]
