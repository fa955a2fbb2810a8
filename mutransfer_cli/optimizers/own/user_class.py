"""A user's optimizer class: imported, and made with the arguments of a recipe."""

from __future__ import annotations

import inspect
import sys
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType
from typing import Any

from torch.optim import Optimizer

from mutransfer_cli.errors import InputError, described

KEY = ("optimizer", "name")
BETAS = (0.9, 0.95)


def optimizer_class(path: str) -> type[Optimizer]:
    """Import a class; the current folder is searched too.

    Raises:
        InputError: It cannot be imported, or is no subclass of torch's `Optimizer`.
    """
    module, _, attribute = path.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # whatever the user's module raises at import
        near = nearest_class(sys.modules.get(module), attribute)
        raise InputError(f"{path}: importing it: {described(error)}{near}", KEY) from error
    if not (isinstance(found, type) and issubclass(found, Optimizer)):
        raise InputError(f"{path}: expected a subclass of torch.optim.Optimizer", KEY)
    return found


def nearest_class(module: ModuleType | None, name: str) -> str:
    """A question for the optimizer of a module whose name is nearest to an absent one."""
    classes = {
        key.casefold(): key
        for key, value in vars(module or ModuleType("")).items()
        if isinstance(value, type) and issubclass(value, Optimizer) and value is not Optimizer
    }
    near = get_close_matches(name.casefold(), classes, n=1, cutoff=0.5)
    return "".join(f"; did you mean {classes[n]}?" for n in near if not hasattr(module, name))


def taken_options(own: type[Optimizer]) -> frozenset[str]:
    """Options of a recipe that a constructor takes in the recipe's form: two betas, one epsilon."""

    def is_taken(name: str, default: Any) -> bool:
        if default is inspect.Parameter.empty or default is None:
            return True
        if name == "betas":
            return isinstance(default, tuple | list) and len(default) == len(BETAS)
        return name not in ("eps", "momentum") or isinstance(default, int | float)

    parameters = inspect.signature(own).parameters
    return frozenset(name for name, given in parameters.items() if is_taken(name, given.default))


def with_arguments(own: type[Optimizer], args: dict[str, Any]) -> type[Optimizer]:
    """The class, made with these arguments, and with the first group's rate if it needs one."""
    rate = inspect.signature(own).parameters.get("lr")

    class Own(own):  # type: ignore[misc,valid-type]  # a class that is known when it runs
        def __init__(self, groups: list[dict[str, Any]]) -> None:
            given = {} if rate is None else {"lr": groups[0]["lr"]}
            super().__init__(groups, **{**given, **args})
            if callable(getattr(self, "train", None)):  # a schedule-free class steps after it only
                self.train()

    Own.__name__, Own.__qualname__, Own.__module__ = own.__name__, own.__qualname__, own.__module__
    return Own
