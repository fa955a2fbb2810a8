"""A recipe's model at a size: built in, or a user's own callable."""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mutransfer_cli.data.opening import classes_of
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.plans.multi_optimizer import as_one_optimizer
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size

Builder = Callable[..., Any]
BUILD = ("model", "build")  # the key of a recipe that names a model
NOT_THEIRS = (str(Path(__file__).parents[1]), str(Path(torch.__file__).parent))


def import_callable(path: str, key: Sequence[str] = BUILD) -> Builder:
    """`package.module:callable`, looked for in the current folder too.

    `key` is the path of the key that names it. Raises InputError naming what does not import.
    """
    module_name, _, attribute = path.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{path}: no module named {error.name!r}; run where {module_name} can be imported", key
        ) from error
    except Exception as error:  # whatever the user's module does at import is the user's to mend
        raise InputError(
            f"{path}: importing it raised {type(error).__name__}: {error}", key
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise InputError(f"{path}: {module_name} has no {part!r}", key)
        found = getattr(found, part)
    if not callable(found):
        raise InputError(f"{path}: is a {type(found).__name__}, expected a callable", key)
    return found  # type: ignore[no-any-return]  # callable: tested above


def run_user_code(call: Callable[[], Any], where: str, key: Sequence[str] = ()) -> Any:
    """Run the user's code; what it raises becomes one line that names the place in it.

    `where` says in words what was run, `key` is the path of the key that named it.
    """
    try:
        return call()
    except InputError:
        raise
    except Exception as error:  # whatever the user's code raises is the user's to mend
        frames = traceback.extract_tb(error.__traceback__)
        theirs = [f for f in frames if not f.filename.startswith(NOT_THEIRS)]
        frame = (theirs or frames)[-1]
        place = f"{frame.filename}:{frame.lineno}"
        message = " ".join(str(error).split())
        raise InputError(f"{where}: {place}: {type(error).__name__}: {message}", key) from error


def accepted(builder: Builder, options: dict[str, Any]) -> dict[str, Any]:
    """Those of the options that the callable asks for."""
    parameters = inspect.signature(builder).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return options
    return {k: v for k, v in options.items() if k in parameters}


def call_builder(
    builder: Builder, path: str, wanted: dict[str, Any], offered: dict[str, Any], seed: int
) -> Subject:
    """Call a user's builder; `offered` arguments are given only where it asks for them.

    Raises InputError where it cannot be called so, or returns anything but a model or a Subject.
    """
    torch.manual_seed(seed)
    arguments = {**wanted, **accepted(builder, {**offered, "seed": seed})}
    try:
        inspect.signature(builder).bind(**arguments)
    except TypeError as error:
        given = ", ".join(arguments)
        raise InputError(f"{path}: called with {given}: {error}", path=BUILD) from error
    made = run_user_code(lambda: builder(**arguments), path, BUILD)
    if isinstance(made, nn.Module):
        return Subject(made)
    if isinstance(made, Subject) and isinstance(made.model, nn.Module):
        made.optimizer = usable(made.optimizer, path)
        return made
    raise InputError(
        f"{path} returned a {type(made).__name__}, expected a torch.nn.Module or a "
        "mutransfer_cli.Subject",
        path=BUILD,
    )


def usable(optimizer: Any, path: str) -> Any:
    """One optimizer: a list of them steps together; anything with param_groups and step will do."""
    parts = optimizer if isinstance(optimizer, list | tuple) else [optimizer]
    for part in parts:
        if part is not None and not (hasattr(part, "param_groups") and hasattr(part, "step")):
            raise InputError(
                f"{path}: its Subject's optimizer is a {type(part).__name__}, "
                "expected something with param_groups and step, or a list of such",
                path=BUILD,
            )
    return as_one_optimizer(parts)


def scaled(arguments: dict[str, float], size: int) -> dict[str, int]:
    """Arguments that are so many times a size."""
    return {name: round(times * size) for name, times in arguments.items()}


def build(recipe: Recipe, size: Size, seed: int = 0) -> Subject:
    """The recipe's model at a size, as its authors initialise it after `seed`."""
    model = recipe.model
    arguments = {
        **model.args,
        **scaled(dict(model.width), size.width),
        **scaled(dict(model.depth), size.depth),
    }
    if model.build in ("mlp", "convnet"):
        d_in, d_out = classes_of(recipe)
        arguments = {
            **({"d_in": d_in} if model.build == "mlp" else {}),
            "d_out": d_out,
            **arguments,
        }
    if model.build == "gpt":
        from mutransfer_cli.models.builtin.gpt import GPT

        torch.manual_seed(seed)
        return Subject(GPT(seq_len=recipe.data.seq_len, **arguments))
    if model.build == "convnet":
        from mutransfer_cli.models.builtin.convnet import ConvNet

        torch.manual_seed(seed)
        return Subject(ConvNet(**arguments))
    if model.build.startswith("hf:"):
        from mutransfer_cli.models.huggingface.scaled_config import hugging_face

        return run_user_code(lambda: hugging_face(recipe, size, seed), model.build)  # type: ignore[no-any-return]  # what its call returns
    if model.build == "mlp":
        from mutransfer_cli.models.builtin.mlp import MLP

        torch.manual_seed(seed)
        return Subject(MLP(**arguments))
    builder = import_callable(model.build)
    return call_builder(builder, model.build, arguments, {"depth": size.depth}, seed)


def default_roles(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    """Roles that no use can tell: a state space's own tensors, which have no agreed rule."""
    if "mamba" in recipe.model.build:
        from mutransfer_cli.models.huggingface.scaled_config import STATE_SPACE

        return tuple((pattern, "fixed") for pattern in STATE_SPACE)
    return ()
