"""What a tensor does, read off from how the forward pass uses it and which dimensions grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from mutransfer_cli.catalog.roles import Role
from mutransfer_cli.errors import InputError

Kind = Literal["matrix", "lookup", "elementwise", "convolution", "unknown"]

TWO = " with another parameter as the other factor"  # whose activation is which cannot be told


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a parameter in the forward pass; dimensions are those of the parameter itself."""

    kind: Kind
    in_dims: tuple[int, ...]  # summed over
    out_dims: tuple[int, ...]  # kept in the result
    function: str  # the torch function that consumed it
    module: str  # the innermost module that was running
    whole_input: bool = False  # the other operand is that module's own first argument
    order: int = field(default=0, compare=False)  # of the first such use in the forward pass
    stacked: bool = False  # one of a stack of matrices: a dimension beside its fans
    scale: float = field(default=1.0, compare=False)  # of its input: a number in the forward pass
    groups: int = field(default=1, compare=False)  # of a convolution


@dataclass(frozen=True, slots=True)
class Attention:
    """One call of scaled_dot_product_attention: its head size and the scale it was given."""

    head_size: int
    scale: float
    module: str


@dataclass(slots=True)
class Trace:
    """What a forward pass did with each parameter (by its first name)."""

    shapes: dict[str, tuple[int, ...]]
    uses: dict[str, list[Use]] = field(default_factory=dict)
    attention: list[Attention] = field(default_factory=list)
    ends: frozenset[str] = frozenset()  # parameters that end a residual branch
    after: dict[str, float] = field(default_factory=dict)  # numbers that lookups are multiplied by


def role_of_use(use: Use, growing: frozenset[int]) -> Role:
    """The role that one use alone gives a tensor whose `growing` dimensions grow with width."""
    grows_in = any(d in growing for d in use.in_dims)
    grows_out = any(d in growing for d in use.out_dims)
    match use.kind:
        case "matrix" if grows_in and grows_out:
            return "expert" if use.stacked else "hidden"
        case "convolution" if grows_in and grows_out:
            return "convolution"
        case "convolution" if grows_out and use.groups > 1:
            return "convolution"
        case "matrix" | "convolution" if grows_in:
            return "readout"
        case "matrix" | "convolution" | "lookup" if grows_out:
            return "input"
        case "elementwise" if growing:
            return "vector"
        case _:
            return "scalar"


def role_of(name: str, uses: Sequence[Use], growing: frozenset[int]) -> Role:
    """The role of a tensor from all its uses.

    Raises InputError, naming the tensor, when it is unused or its uses contradict each other.
    """
    settle = f"settle it in the recipe: roles: [{{match: '{name}', role: hidden}}]"
    if not uses:
        raise InputError(f"parameter {name}: not used in the forward pass; {settle}")
    unknown = [u.function for u in uses if u.kind == "unknown"]
    if unknown:
        if unknown[0].endswith(TWO):
            raise InputError(f"parameter {name}: used by {unknown[0]}; {settle}")
        raise InputError(f"parameter {name}: used by {unknown[0]}, which has no rule; {settle}")
    found = {role_of_use(u, growing) for u in uses}
    if found == {"input", "readout"}:
        return "tied"
    if len(found) > 1 and found <= {"vector", "scalar", "input"}:
        return "input" if "input" in found else "vector"  # the same exponents
    if len(found) > 1:
        raise InputError(f"parameter {name}: used as {' and as '.join(sorted(found))}; {settle}")
    return found.pop()
