"""The files that the trials of a recipe depend on: code, configs and data."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from mutransfer_cli.catalog.callable_name import is_callable
from mutransfer_cli.models.user_code import import_callable
from mutransfer_cli.recipe.placeholders import placeholders_in, split_command
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.provenance.named_files import CONFIGS
from mutransfer_cli.search.provenance.python_path import folders_of, is_installed
from mutransfer_cli.search.provenance.source_files import (
    Files,
    files_of_module,
    module_files,
    shown,
)

HUGGING_FACE = "hf:"
LONGEST_PATH = 4096
SHELL_SCRIPTS = (".sh", ".bash")
LONGEST_SCRIPT = 1 << 20  # bytes that are searched for files


@dataclass(frozen=True, slots=True)
class Inputs:
    """Files by the name that messages show.

    Attributes:
        code: Files that a process reads when it imports the code.
        data: Files that may be read at any time while trials train.
    """

    code: Files = field(default_factory=dict)
    data: Files = field(default_factory=dict)

    @property
    def files(self) -> Files:
        """All of them."""
        return {**self.code, **self.data}


def inputs_of(recipe: Recipe) -> Inputs:
    """The files that the trials of a recipe depend on; imports the modules that it names.

    Raises:
        InputError: A module cannot be imported.
    """
    inputs = Inputs()
    named = {
        ("model", "build"): recipe.model.build,
        ("data", "source"): recipe.data.source,
        ("optimizer", "name"): recipe.optimizer.name,
    }
    for key, name in named.items():
        if is_callable(name):
            import_callable(name, key)
            inputs.code.update(files_of_callable(name))
    if recipe.model.build.startswith(HUGGING_FACE):
        inputs.code.update(files_of_words([recipe.model.build.removeprefix(HUGGING_FACE)]))
    inputs.code.update(files_of_words(texts_in(recipe.model.args)))
    if recipe.data.path is not None:
        inputs.data.update(files_of_words([recipe.data.path]))
    if recipe.program is not None:
        inputs.code.update(files_of_command(recipe.program.command))
    return inputs


def files_of_callable(name: str) -> Files:
    """The files of `package.module:callable`, which has been imported."""
    module = name.partition(":")[0]
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return {}
    path = Path(file).resolve()
    is_package = path.name == "__init__.py"
    root = path.parents[len(module.split(".")) - (0 if is_package else 1)]
    top = module.split(".")[0] if is_installed(path) else ""
    return module_files(path, root, top=top)


def files_of_command(command: str) -> Files:
    """The program of a command and what it imports from its folder, and files in its arguments."""
    words = [text for word in split_command(command) for text in with_parts(word)]
    return files_of_command_words([text for text in words if not placeholders_in(text)])


def files_of_command_words(words: list[str], seen: Container[Path] = ()) -> Files:
    """The files of a command's words; a shell script's own commands are followed."""
    found = {name: path for name, path in files_of_words(words).items() if path not in seen}
    for path in list(found.values()):
        if path.suffix == ".py":
            found.update(module_files(path, path.parent, CONFIGS))
        elif path.suffix in SHELL_SCRIPTS:
            inner = words_of_script(path)
            found.update(files_of_command_words(inner, {*found.values(), path}))
    for option, module in pairwise(words):
        if option == "-m":
            found.update(files_of_main(module))
    return found


def files_of_main(module: str) -> Files:
    """The files of a module that `python -m` runs, in the current folder or on Python's path."""
    found: Files = {}
    for folder in (Path.cwd(), *folders_of(module.split(".")[0])):
        own = list(files_of_module(module, folder))
        mains = [file.with_name("__main__.py") for file in own[-1:]]
        for path in [*own, *(file for file in mains if file.is_file())]:
            found.update(module_files(path, folder, CONFIGS))
        if found:
            break
    return found


def words_of_script(path: Path) -> list[str]:
    """The words of a shell script, line by line; lines that are no plain words are left out."""
    words: list[str] = []
    try:
        lines = path.read_bytes()[:LONGEST_SCRIPT].decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    for line in lines:
        with suppress(ValueError):
            words += shlex.split(line, comments=True)
    return words


def files_of_words(words: list[str]) -> Files:
    """Existing files among words, and among the parts of words such as --config=a.yaml.

    A program that is found on the PATH is not one: it belongs to the machine.
    """
    found: Files = {}
    for word in words:
        for text in with_parts(word):
            path = Path(text)
            try:
                if len(text) > LONGEST_PATH or not path.is_file() or on_path(text):
                    continue
            except (OSError, ValueError):
                continue
            found[shown(path.resolve(), Path.cwd())] = path.resolve()
    return found


def with_parts(word: str) -> dict[str, None]:
    """A word and the words inside it, each once."""
    return dict.fromkeys(text for text in (word, *parts_of(word)) if text)


def parts_of(word: str) -> Iterator[str]:
    """The words inside a word: a script for a shell, or the value of an option."""
    try:
        inner = shlex.split(word)
    except ValueError:
        inner = []
    for text in inner if len(inner) > 1 else [word]:
        yield text
        yield text.partition("=")[2]


def on_path(text: str) -> bool:
    """Whether a word is the name or absolute path of a program of this machine.

    The running Python is one, also where its environment is not on the PATH.
    """
    programs = (shutil.which(Path(text).name), sys.executable)
    return any(p and Path(p).resolve() == Path(text).resolve() for p in programs)


def texts_in(value: Any) -> list[str]:
    """All texts in nested data."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for part in value.values() for text in texts_in(part)]
    if isinstance(value, list | tuple):
        return [text for part in value for text in texts_in(part)]
    return []
