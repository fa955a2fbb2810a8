"""Imports and runs a user's own code; its errors name the line at fault."""

from __future__ import annotations

import builtins
import importlib
import inspect
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mutransfer_cli.errors import InputError, described, kind_of
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.plans.multi_optimizer import as_one_optimizer
from mutransfer_cli.torch_companions import named_mismatch

Builder = Callable[..., Any]
BUILD = ("model", "build")  # the key of a recipe that names a model
LIBRARY_FOLDERS = (str(Path(__file__).parents[1]), str(Path(torch.__file__).parent), "<frozen ")
PYTHON_FOLDER = sysconfig.get_path("stdlib")
# All of them, before any code of a user's has run.
BUILTINS = {name: value for name, value in vars(builtins).items() if callable(value)}


def import_callable(path: str, key: Sequence[str] = BUILD) -> Builder:
    """Import `package.module:callable`; the current folder is searched too.

    Args:
        path: The callable, as package.module:callable.
        key: Key path of the recipe that names it.

    Raises:
        InputError: It cannot be imported, or is not a callable.
    """
    module_name, _, attribute = path.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        with default_device_kept(), interpreter_kept():
            target: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{path}: no module named {error.name!r}; run where {module_name} can be imported", key
        ) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the user's module raises at import
        said = described(error)
        raise InputError(f"{path}: importing it: {said}{named_mismatch(said)}", key) from error
    for part in attribute.split("."):
        if not hasattr(target, part):
            raise InputError(f"{path}: {module_name} has no {part!r}", key)
        target = getattr(target, part)
    if not callable(target):
        raise InputError(f"{path}: is {kind_of(target)}, expected a callable", key)
    return target  # type: ignore[no-any-return]  # callable: tested above


def run_user_code(call: Callable[[], Any], action: str, key: Sequence[str] = ()) -> Any:
    """Run the user's code; turns its exceptions into one line that names the line at fault.

    Args:
        call: Runs the code.
        action: Describes the code, for the message.
        key: Key path of the recipe that names it.

    Raises:
        InputError: The code raised.
    """
    try:
        with interpreter_kept():
            return call()
    except (InputError, KeyboardInterrupt):
        raise
    except BaseException as error:  # whatever the user's code raises
        own_frames = user_frames(error)
        line = f"{own_frames[-1].filename}:{own_frames[-1].lineno}: " if own_frames else ""
        raise InputError(f"{action}: {line}{described(error)}", key) from error


@contextmanager
def default_device_kept() -> Iterator[None]:
    """Undo a `torch.set_default_device` in the block: models and data go where `--device` says."""
    before = torch.get_default_device()
    try:
        yield
    finally:
        if before.type == "cpu" and torch.get_default_device() != before:
            torch.set_default_device(None)


@contextmanager
def interpreter_kept() -> Iterator[None]:
    """Undo what torch and we cannot work with, once the block has run.

    That is a recursion limit that is too low, entries that `sys.path` has lost, and built-in
    functions that are gone or cannot be called. Longer paths, and functions that stand in for a
    built-in one, such as a `print` that is silent in all processes but the first, stay.
    """
    limit, path = sys.getrecursionlimit(), [*sys.path]
    try:
        yield
    finally:
        now = builtins.__dict__
        now.update({n: f for n, f in BUILTINS.items() if not BUILTINS["callable"](now.get(n))})
        sys.setrecursionlimit(max(limit, sys.getrecursionlimit()))
        sys.path += [entry for entry in path if entry not in sys.path]


@contextmanager
def user_errors_named(action: str) -> Iterator[None]:
    """Turn what the user's code raises, wherever we call it, into one line; not our own errors.

    Args:
        action: Describes what is being done, for the message.

    Raises:
        InputError: Code outside this package and its libraries raised in the block.
    """
    try:
        with interpreter_kept():
            yield
    except (InputError, KeyboardInterrupt):
        raise
    except BaseException as error:  # also those that end a process
        frames = user_frames(error)
        if not frames and not isinstance(error, SystemExit):
            raise
        line = f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else ""
        raise InputError(f"{action}: {line}{described(error)}") from error


def user_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The frames of an error that belong neither to this package nor to torch or Python."""
    frames = traceback.extract_tb(error.__traceback__)
    return [
        f
        for f in frames
        if not f.filename.startswith(LIBRARY_FOLDERS)
        and not (f.filename.startswith(PYTHON_FOLDER) and "-packages" not in f.filename)
    ]


def accepted_arguments(builder: Builder, options: dict[str, Any]) -> dict[str, Any]:
    """Those of the options that the callable has parameters for.

    One that takes any keyword gets them all, but no seed beside named parameters: such keywords
    go on to a layer, which has no seed.
    """
    parameters = inspect.signature(builder).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return {k: v for k, v in options.items() if k in parameters}
    return {
        k: v for k, v in options.items() if k != "seed" or len(parameters) == 1 or k in parameters
    }


def call_builder(
    builder: Builder,
    path: str,
    arguments: dict[str, Any],
    optional: dict[str, Any],
    seed: int,
    key: Sequence[str] = BUILD,
) -> Subject:
    """Call a user's builder after `torch.manual_seed(seed)`.

    Args:
        builder: The callable.
        path: The callable as the recipe names it, for messages.
        arguments: Arguments that are always passed.
        optional: Arguments that are passed if it has parameters for them.
        seed: The seed, also passed if it has a parameter `seed`.
        key: The key of the recipe that names the callable; empty: no recipe does.

    Raises:
        InputError: It does not take these arguments, raises, or returns neither a model nor a
            Subject.
    """
    torch.manual_seed(seed)
    arguments = {**arguments, **accepted_arguments(builder, {**optional, "seed": seed})}
    _ensure_taken(builder, path, arguments, key)
    given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    result = run_user_code(lambda: builder(**arguments), f"{path}({given})", key)
    if isinstance(result, nn.Module):
        return Subject(result)
    if isinstance(result, Subject) and isinstance(result.model, nn.Module):
        result.optimizer = _one_optimizer(result.optimizer, path, key)
        return result
    raise InputError(
        f"{path} returned {kind_of(result)}, expected a torch.nn.Module or a "
        "mutransfer_cli.Subject",
        key,
    )


def _ensure_taken(
    builder: Builder, path: str, arguments: dict[str, Any], key: Sequence[str]
) -> None:
    """Refuse arguments that a user's builder does not take, or that do not suffice.

    Raises:
        InputError: It does not take these arguments.
    """
    signature = inspect.signature(builder)
    try:
        signature.bind(**arguments)
    except TypeError as error:
        unknown = [name for name in arguments if name not in signature.parameters]
        missing = [
            name
            for name, p in signature.parameters.items()
            if p.default is p.empty
            and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
            and name not in arguments
        ]
        said = str(error)
        if unknown == ["width"]:
            taken = ", ".join(signature.parameters) or "none"
            said = f"it takes {taken}; name its width, as in model.width: {{dim: 1}}"
        elif missing:
            where = "add them to model.args, or to model.width or model.depth where they grow"
            said = (
                f"it also requires {', '.join(missing)}: {where if key else 'give them defaults'}"
            )
        raise InputError(f"{path}: called with {', '.join(arguments)}: {said}", key) from error


def _one_optimizer(optimizer: Any, path: str, key: Sequence[str]) -> Any:
    """One optimizer, also for a list of them; anything with param_groups and step will do."""
    parts = optimizer if isinstance(optimizer, list | tuple) else [optimizer]
    if not parts:
        raise InputError(f"{path}: its Subject's list of optimizers is empty", key)
    for part in parts:
        if part is not None and not (hasattr(part, "param_groups") and hasattr(part, "step")):
            raise InputError(
                f"{path}: its Subject's optimizer is {kind_of(part)}, "
                "expected something with param_groups and step, or a list of such",
                key,
            )
        if part is not None and (needed := _required_by_step(part)):
            raise InputError(
                f"{path}: its Subject's optimizer is a {type(part).__name__}, whose step requires "
                f"{', '.join(needed)}; expected one that steps on the gradients that are there, "
                "such as the optimizer that a SAM wraps",
                key,
            )
    return as_one_optimizer(parts)


def _required_by_step(optimizer: Any) -> list[str]:
    """The arguments that an optimizer's step requires; none where Python cannot tell."""
    step = getattr(type(optimizer), "step", None)  # a scheduler replaces that of the instance
    try:
        parameters = list(inspect.signature(step).parameters.values())[1:] if step else []
    except (TypeError, ValueError):
        return []
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in variable]
