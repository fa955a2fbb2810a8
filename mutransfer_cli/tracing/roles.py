"""The role of a tensor, from how the forward pass uses it and which of its dimensions grow."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from mutransfer_cli.catalog.roles import ROLES, Role
from mutransfer_cli.errors import InputError
from mutransfer_cli.tracing.activations.dependencies import Dependencies
from mutransfer_cli.tracing.activations.width_factors import WidthFactors
from mutransfer_cli.tracing.torch_functions import MATRIX_VALUED

Shape = tuple[int, ...]
UseKind = Literal["matrix", "lookup", "elementwise", "convolution", "unknown"]

# Tracing cannot tell which of two parameters acts as the activation.
TWO_PARAMETERS = " with another parameter as the other factor"


@dataclass(frozen=True, slots=True)
class Gate:
    """What weights the sum over one dimension of a parameter.

    Attributes:
        dim: The dimension.
        terms: Mean number of weights that are not 0.
        total: Mean sum of the weights' sizes.
        mixed: Whether the weights are those of activations, which may change with the width too.
    """

    dim: int
    terms: float
    total: float
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a parameter in the forward pass; dimensions are those of the parameter itself.

    Attributes:
        kind: Kind of use.
        in_dims: Dimensions that are summed over.
        out_dims: Dimensions that are kept in the result.
        function: The torch function that used it.
        module: Name of the innermost module that was running.
        whole_input: Whether the other operand is that module's own first argument.
        order: Number of the first such call in the forward pass.
        stacked: Whether it is a stack of matrices, with a dimension in addition to its fans.
        groups: Number of groups of a convolution.
        gates: Dimensions that are summed over with weights, such as those of experts.
        modulated: Whether activations had been multiplied into it before.
        mixed_over: Dimensions that had been summed over with activations as weights before.
    """

    kind: UseKind
    in_dims: tuple[int, ...]
    out_dims: tuple[int, ...]
    function: str
    module: str
    whole_input: bool = False
    order: int = field(default=0, compare=False)
    stacked: bool = False
    groups: int = field(default=1, compare=False)
    gates: tuple[Gate, ...] = field(default=(), compare=False)
    modulated: bool = False
    mixed_over: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Attention:
    """One call of attention.

    Attributes:
        head_size: Number of products that are summed in q·k.
        scale: The number by which q·k is multiplied.
        module: Name of the innermost module that was running.
        norm: Norms of q and k over √head_size each, where they were normalized; else 1.
    """

    head_size: int
    scale: float
    module: str
    norm: float = 1.0


@dataclass(frozen=True, slots=True)
class Gain:
    """What a gain of weight normalization multiplies: W = g · V / |V|.

    Attributes:
        matrix: Name of the direction V.
        kept: The dimension of V with a norm and a gain for each entry; None: one for all of V.
    """

    matrix: str
    kept: int | None


@dataclass(slots=True)
class Trace:
    """What a forward pass did with each parameter, by its first name.

    Attributes:
        shapes: Shape of every parameter.
        uses: All uses of every parameter.
        attention: All calls of attention.
        ends: Parameters that end a residual branch.
        on_stream: Parameters of layers whose result is the stream, to which a branch is added.
        after: By parameter, the number by which lookups in it were multiplied.
        factors: The numbers by which activations and weights were multiplied.
        dependencies: What depends on which parameter.
        gains: By gain of weight normalization, what it multiplies.
    """

    shapes: dict[str, tuple[int, ...]]
    uses: dict[str, list[Use]] = field(default_factory=dict)
    attention: list[Attention] = field(default_factory=list)
    ends: frozenset[str] = frozenset()
    on_stream: frozenset[str] = frozenset()
    after: dict[str, float] = field(default_factory=dict)
    factors: WidthFactors = field(default_factory=WidthFactors)
    dependencies: Dependencies = field(default_factory=lambda: Dependencies(()))
    gains: dict[str, Gain] = field(default_factory=dict)

    def require_uses(self, trained: Collection[str]) -> None:
        """Require that the forward pass used a parameter; else no model was run.

        Args:
            trained: The trained parameters whose role has to be read off the pass.

        Raises:
            InputError: There are some, and it used no parameter.
        """
        if trained and not any(self.uses.values()):
            raise InputError(
                "its forward pass uses none of its parameters: the loss has to call the model "
                "that it is given",
                path=("model",),
            )


def role_of_use(use: Use, growing: frozenset[int]) -> Role:
    """The role that one use implies; `growing` are the dimensions that grow with the width."""
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

    Raises:
        InputError: The tensor is not used, or its uses contradict each other.
    """
    role = likely_role(growing)
    hint = (
        f"set its role, in a recipe by roles: [{{match: '{name}', role: {role}}}], "
        f"in a call by roles=[('{name}', '{role}')]"
    )
    if not uses:
        raise InputError(
            f"parameter {name}: not used in the forward pass; freeze it, such as a copy that is "
            f"averaged (requires_grad_(False)), or {hint}"
        )
    unknown = [u.function for u in uses if u.kind == "unknown"]
    if unknown and growing:  # a tensor of one size scales as a scalar, whatever uses it
        if unknown[0].endswith(TWO_PARAMETERS):
            raise InputError(f"parameter {name}: used by {unknown[0]}; {hint}")
        if MATRIX_VALUED.intersection(unknown):
            raise InputError(
                f"parameter {name}: its weight is computed by a function of matrices, and no rule "
                "says how its learning rate scales; train a plain weight, which may start "
                f"orthogonal (torch.nn.init.orthogonal_), or {hint}"
            )
        raise InputError(f"parameter {name}: used by {unknown[0]}, which has no rule; {hint}")
    roles = {role_of_use(u, growing) for u in uses}
    if roles == {"input", "readout"}:
        return "tied"
    if len(roles) > 1 and roles <= {"vector", "scalar", "input"}:
        return "input" if "input" in roles else "vector"  # the same exponents
    if len(roles) > 1:
        raise InputError(f"parameter {name}: used as {' and as '.join(sorted(roles))}; {hint}")
    return roles.pop()


def likely_role(growing: frozenset[int]) -> Role:
    """The role that a message proposes for a tensor of unknown use."""
    if not growing:
        return "scalar"
    return "vector" if len(growing) == 1 else "hidden"


def chosen_role(name: str, roles: Sequence[tuple[str, str]]) -> Role | None:
    """The role that the recipe assigns to a tensor, by the first pattern that matches its name.

    Raises:
        InputError: There is no such role.
    """
    for pattern, role in roles:
        if fnmatchcase(name, pattern):
            if role not in ROLES:
                raise InputError(
                    f"{role!r} is not a role; known: {', '.join(ROLES)}", path=("roles",)
                )
            return role  # type: ignore[return-value]  # membership was just tested
    return None


def main_dims(
    name: str, uses: Sequence[Use], shape: Shape, role: Role, growing: frozenset[int]
) -> tuple[Shape, Shape]:
    """The dimensions summed over, and those kept; without a matrix use, all are kept.

    Args:
        name: Name of the tensor, for messages.
        uses: All its uses.
        shape: Its shape.
        role: Its role, by use or as the recipe chose it.
        growing: The dimensions that grow with the width.

    Raises:
        InputError: See `assumed_dims`.
    """
    order = {"matrix": 0, "convolution": 0, "lookup": 1, "elementwise": 2, "unknown": 3}
    if role == "tied":  # its own numbers are those of an embedding
        order["lookup"] = -1
    best = min((u.kind for u in uses), key=order.__getitem__, default="unknown")
    if best in {"elementwise", "unknown"}:
        if role in MATRIX_ROLES and (best == "unknown" or len(shape) > 1):
            return assumed_dims(name, shape, role, growing)
        if best == "elementwise" and all(use.stacked for use in uses):  # biases of experts
            return (), uses[0].out_dims
        return (), tuple(range(len(shape)))
    main = min(uses, key=lambda u: order[u.kind])
    return main.in_dims, main.out_dims


MATRIX_ROLES = frozenset({"hidden", "readout", "convolution", "expert"})


def assumed_dims(
    name: str, shape: Shape, role: Role, growing: frozenset[int]
) -> tuple[Shape, Shape]:
    """The dimensions of a matrix whose role was chosen and whose use is unknown.

    Assumption: torch's layouts, (out, in, kernel) and for experts (number, in, out). A readout sums
    over the dimensions that grow.

    Args:
        name: Name of the tensor, for messages.
        shape: Its shape.
        role: The chosen role.
        growing: The dimensions that grow with the width.

    Raises:
        InputError: No dimension that such a tensor sums over grows, so that its learning rate
            would stay as it is.
    """
    every = tuple(range(len(shape)))
    if role == "readout":
        into = tuple(d for d in every if d in growing)
    elif role == "expert" and len(shape) > 2:
        into = (1,)
    else:
        into = every[1:]
    if not growing & set(into):
        raise InputError(
            f"parameter {name}: role {role} is for matrices that sum over a growing dimension; "
            f"found shape {shape}, of which dimensions {sorted(growing)} grow; expected another "
            "role, such as vector or fixed",
            path=("roles",),
        )
    stack = {0} if role == "expert" else set()
    return into, tuple(d for d in every if d not in {*into, *stack})
