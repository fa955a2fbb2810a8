"""Section `model` of the recipe that `init` writes for a callable of the user."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mutransfer_cli.quoting import yaml_scalar

_CALLABLE_MODEL = """\
# Called as build(width, **args), with depth and seed where it asks for them. It returns a
# torch.nn.Module, or a mutransfer_cli.Subject with its own loss and batches.
model:
  build: {build}
{signature}  {args:<31} # further arguments, the same at every size
  {width:<31} # argument: how many times the width it is
{depth}"""
NARROWEST = 32  # width, unless a model's heads ask for another
REQUIRED = "# Required, for you to add"
LAYERS = 2  # where no default says a number
IMAGE_SIDE = 32  # pixels; side of the images where nothing else says it


@dataclass(frozen=True, slots=True)
class CallableArguments:
    """What a recipe passes to a callable.

    Attributes:
        width: By argument, how many times the width it is.
        fixed: Arguments that are the same at every size.
        signature: The callable's parameters as text; empty where it has no signature.
        narrowest: The smallest width of a ladder at which every number of heads is whole.
        depth: By argument, how many times the depth it is; empty where it is called `depth`.
        layers: The depth of the base.
        missing: Arguments that it requires, and of which nothing says what they are.
        channels: Those of its images, where an argument says their size; else None.
    """

    width: Mapping[str, float] = field(default_factory=lambda: {"width": 1})
    fixed: Mapping[str, float] = field(default_factory=dict)
    signature: str = ""
    narrowest: int = NARROWEST
    depth: Mapping[str, float] = field(default_factory=dict)
    layers: int = LAYERS
    missing: tuple[str, ...] = ()
    channels: int | None = None


DEFAULT_ARGUMENTS = CallableArguments()


def model_section(model: str, arguments: CallableArguments) -> str:
    """The section, with the callable's signature as a comment.

    Args:
        model: The callable, as package.module:callable.
        arguments: What the recipe passes to it.
    """
    return _CALLABLE_MODEL.format(
        build=plain_or_quoted(model),
        width=f"width: {flow(arguments.width)}",
        args=f"args: {flow(arguments.fixed)}",
        signature=_signature_comment(model, arguments.signature)
        + _missing_comment(arguments.missing),
        depth=_depth_line(arguments.depth),
    )


def flow(values: Mapping[str, float]) -> str:
    """Numbers and truth values by name as YAML in one line."""
    words = {True: "true", False: "false"}
    texts = {n: words[v] if isinstance(v, bool) else f"{v:.12g}" for n, v in values.items()}
    return "{" + ", ".join(f"{name}: {text}" for name, text in texts.items()) + "}"


def _signature_comment(model: str, signature: str) -> str:
    """The callable with its parameters as a comment: a reader sees which grow."""
    if not signature:
        return ""
    name = re.split(r"[:.]", model)[-1]
    lines = textwrap.wrap(f"{name}{signature}", 92, max_lines=6, break_on_hyphens=False)
    return "".join(f"  # {line}\n" for line in lines)


def _missing_comment(missing: Sequence[str]) -> str:
    """What the reader has to add, as a comment."""
    if not missing:
        return ""
    text = f"{REQUIRED} to args, width or depth: {', '.join(missing)}"
    lines = textwrap.wrap(text, 94, subsequent_indent="# ", break_on_hyphens=False)
    return "".join(f"  {line}\n" for line in lines)


def _depth_line(depth: Mapping[str, float]) -> str:
    """The arguments that follow the depth, where they have another name."""
    if not depth:
        return ""
    return f"  {f'depth: {flow(depth)}':<31} # argument: how many times the depth it is\n"


def plain_or_quoted(model: str) -> str:
    """A model as YAML text, quoted if it holds anything that YAML or a format reads as its own."""
    return model if re.fullmatch(r"[\w./-]+(:[\w./-]+)?", model) else yaml_scalar(model)
