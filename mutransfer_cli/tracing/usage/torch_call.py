"""One call of a torch function, as the recorder of uses sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a torch function.

    Attributes:
        name: Name of the function, as `torch_functions.plain_name` returns it.
        args: Positional arguments.
        kwargs: Keyword arguments.
        result: The function's result.
        tracked: The tensors among its arguments that are, or stand for, parameters.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any
    tracked: Sequence[Tensor]

    def arg(self, position: int, key: str) -> Any:
        """An argument, whether passed by position or by name; None if it was not passed."""
        return self.args[position] if len(self.args) > position else self.kwargs.get(key)
