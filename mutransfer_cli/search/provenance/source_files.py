"""Finds the files of a user's module: its source, what it imports of the user's, its data."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from mutransfer_cli.search.provenance.named_files import MOST_FILES, READ_BY_MODELS, named_files
from mutransfer_cli.search.provenance.python_path import folders_of

OWN_PACKAGE = "mutransfer_cli"  # its version stands for its source
IMPORTERS = ("import_module", "__import__")

Files = dict[str, Path]  # by the name that messages show


def module_files(
    first: Path, root: Path, suffixes: Sequence[str] = READ_BY_MODELS, top: str = ""
) -> Files:
    """A source file, the modules that it imports, and the files that they name.

    Modules count under a folder, and elsewhere on Python's path where they are not installed.
    Imports are followed in the source, also those inside functions, so that the answer does not
    depend on what has been imported so far.

    Args:
        first: The file to start with.
        root: The folder from which its imports are resolved, besides the folder of the file.
        suffixes: A string in the source that names an existing file with one of these suffixes
            counts as a file that the module reads.
        top: Follow only modules of this top-level package; empty: of any.
    """
    found: Files = {}
    queue = [(first, root)]
    seen: set[Path] = set()
    while queue:
        path, root = queue.pop()
        if path in seen:
            continue
        seen.add(path)
        found[shown(path, root)] = path
        tree = parsed(path)
        if tree is None:
            continue
        for name in imported_names(tree, path, root):
            outer = name.split(".")[0]
            if outer != OWN_PACKAGE and (not top or outer == top):
                queue += imported_files(name, path, root)
        for file in named_files(tree, path, suffixes):
            found[shown(file, root)] = file
    return found


def imported_files(name: str, path: Path, root: Path) -> list[tuple[Path, Path]]:
    """The files that importing a name in a module runs, each with the folder of its imports."""
    beside = dict.fromkeys((root, path.parent))
    found = [(file, root) for folder in beside for file in files_of_module(name, folder)]
    if not found:
        elsewhere = folders_of(name.split(".")[0])
        found = [(file, folder) for folder in elsewhere for file in files_of_module(name, folder)]
    return found


def shown(path: Path, root: Path) -> str:
    """The name of a file in messages: relative to a folder where it lies inside."""
    for folder in (root, Path.cwd()):
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return str(path)


def parsed(path: Path) -> ast.Module | None:
    """The syntax tree of a file; None if it is not Python source."""
    if path.suffix != ".py":
        return None
    try:
        return ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None


def imported_names(tree: ast.Module, path: Path, root: Path) -> Iterator[str]:
    """Dotted names that a module imports, relative ones as seen from the root."""
    package = path.parent.relative_to(root).parts if path.is_relative_to(root) else ()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            outer = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*outer, *([node.module] if node.module else [])])
            if base:
                yield base
            for alias in node.names:
                yield f"{base}.{alias.name}" if base else alias.name
        elif isinstance(node, ast.Call) and node.args:
            function, argument = node.func, node.args[0]
            name = getattr(function, "attr", getattr(function, "id", ""))
            if name in IMPORTERS:
                yield from _names_by_call(argument, path, root, package)


def _names_by_call(
    argument: ast.expr, path: Path, root: Path, package: tuple[str, ...]
) -> Iterator[str]:
    """The modules that `import_module(argument)` may name.

    Where only the beginning of the name is known, they are all modules of that package; where
    nothing is known, all beside the module that imports.
    """
    text, is_known = beginning(argument)
    if is_known:
        yield text.lstrip(".")
        yield ".".join([*package, text.lstrip(".")])  # `.name`, relative to its package
        return
    parts = text.split(".")[:-1]
    folder = root.joinpath(*parts) if any(parts) else path.parent
    before = [name for name in parts if name] or package
    for file in islice(sorted(folder.glob("*.py")), MOST_FILES):
        yield ".".join([*before, file.stem])


def beginning(node: ast.expr) -> tuple[str, bool]:
    """The known beginning of a text, and whether it is all of it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value, True
    parts: list[ast.expr] = []
    if isinstance(node, ast.JoinedStr):
        parts = node.values
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        parts = [node.left, node.right]
    text = ""
    for part in parts:
        known, is_all = beginning(part)
        text += known.partition("%")[0]
        if not is_all or "%" in known:
            return text, False
    return text, bool(parts)


def files_of_module(name: str, folder: Path) -> Iterator[Path]:
    """The files under a folder that importing a dotted name runs, its packages' among them."""
    for part in name.split("."):
        if not part.isidentifier():
            return
        for file in (folder / part / "__init__.py", folder / f"{part}.py"):
            if file.is_file():
                yield file.resolve()
                break
        else:
            yield from (file.resolve() for file in folder.glob(f"{part}.*.so"))
        folder = folder / part
