"""Refuses patterns of a recipe that select no tensor, and would be lost without a word."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import partial

from mutransfer_cli.catalog.roles import selects
from mutransfer_cli.documents.tensor_groups import LAYER_INDEX
from mutransfer_cli.errors import InputError
from mutransfer_cli.parameterization.plan_config import PlanConfig

Roles = Mapping[str, str]  # the role of each tensor, by its name
Matches = Callable[[str, str], bool]  # of a name and a role


@dataclass(frozen=True, slots=True)
class Selector:
    """One pattern of a recipe.

    Attributes:
        path: Path of the key that holds the pattern.
        text: The pattern, or the name of a role.
        matches: Whether it selects a tensor of some name and role.
        by_role: Whether the names of roles are accepted beside patterns.
        ordered: Whether the first match among the patterns of its key applies.
    """

    path: tuple[str, ...]
    text: str
    matches: Matches
    by_role: bool = False
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class SizedModel:
    """The tensors of a model at one size.

    Attributes:
        size: The size, for messages, such as `width 64, depth 2`.
        roles: The role of each tensor, by its name.
    """

    size: str
    roles: Roles

    def selected(self, selector: Selector) -> list[str]:
        """Names of the tensors that a pattern selects."""
        return [name for name, role in self.roles.items() if selector.matches(name, role)]


def by_name(pattern: str) -> Matches:
    """What a shell-style pattern on names selects."""
    return lambda name, role: fnmatchcase(name, pattern)


def role_selectors(roles: Sequence[tuple[str, str]]) -> Iterator[Selector]:
    """The patterns of a recipe's `roles`."""
    for index, (pattern, _) in enumerate(roles):
        yield Selector(("roles", str(index), "match"), pattern, by_name(pattern), ordered=True)


def selectors(config: PlanConfig) -> Iterator[Selector]:
    """All patterns that a plan is made with."""
    yield from role_selectors(config.roles)
    for key in config.lr_factors:
        yield Selector(("lr_factors", key), key, partial(selects, key), by_role=True, ordered=True)
    for index, key in enumerate(config.optimizer.trains):
        path = ("optimizer", "trains", str(index))
        yield Selector(path, key, partial(selects, key), by_role=True)
    for index, pattern in enumerate(config.init.zero):
        yield Selector(("init", "zero", str(index)), pattern, by_name(pattern))
    if not isinstance(config.decay, str):
        for index, pattern in enumerate(config.decay):
            yield Selector(("rules", "decay", str(index)), pattern, by_name(pattern))


def nearest(selector: Selector, roles: Roles) -> str:
    """The end of a message: the pattern or role that comes closest to one that selects nothing."""
    known = dict.fromkeys(LAYER_INDEX.sub("*", name) for name in roles)
    if selector.by_role:
        known |= dict.fromkeys(roles.values())
        known |= {"embedding": None} if "input" in known else {}
    (close,) = get_close_matches(selector.text, known, n=1, cutoff=0.0) or [""]
    return f"; nearest: '{close}'" if close else ""


def require_used(found: Sequence[Selector], base: SizedModel, target: SizedModel) -> None:
    """Check that every pattern selects a tensor at the base and at the target.

    Args:
        found: The patterns, in order.
        base: The model at which hyperparameters are quoted.
        target: The model that is planned.

    Raises:
        InputError: A pattern selects nothing at one of the sizes, or nothing that patterns before
            it leave.
    """
    earlier: dict[str, dict[str, str]] = {}  # by section, the pattern that a tensor is taken by
    for selector in found:
        at_base, at_target = base.selected(selector), target.selected(selector)
        for there, here, names in ((base, target, at_base), (target, base, at_target)):
            others = at_target if names is at_base else at_base
            if names:
                continue
            only = (
                f" at {there.size}, only at {here.size} ({others[0]}): use a pattern that matches "
                "at both"
                if others
                else ""
            )
            hint = only or nearest(selector, there.roles)
            raise InputError(f"'{selector.text}' matches no tensor{hint}", path=selector.path)
        if not selector.ordered:
            continue
        taken = earlier.setdefault(selector.path[0], {})
        if all(name in taken for name in at_target):
            raise InputError(
                f"'{selector.text}' has no effect: the first match applies, and "
                f"'{taken[at_target[0]]}' before it matches {at_target[0]}; put it first",
                path=selector.path,
            )
        for name in at_target:
            taken.setdefault(name, selector.text)
