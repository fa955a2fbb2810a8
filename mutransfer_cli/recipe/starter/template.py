"""The commented recipe that `mutransfer init` writes; it runs as it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil, prod
from typing import Literal

import yaml

from mutransfer_cli.catalog.callable_name import is_callable
from mutransfer_cli.catalog.models import MODELS, ModelEntry
from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.catalog.samplers import SAMPLERS
from mutransfer_cli.catalog.sources import SOURCES, DataKind
from mutransfer_cli.errors import InputError, suggestion
from mutransfer_cli.recipe.schema.recipe import NAME, Recipe
from mutransfer_cli.recipe.starter.callable_template import (
    DEFAULT_ARGUMENTS,
    IMAGE_SIDE,
    LAYERS,
    NARROWEST,
    CallableArguments,
    model_section,
    plain_or_quoted,
)

_TEXT = """\
# mutransfer check FILE      is the parameterization implemented as the theory asks?
# mutransfer sweep FILE      train the proxies (--dry-run: only what it would cost)
# mutransfer scale RUN ...   the configuration of the large model
name: {name}

{model}
# sp (standard) is what mup is compared with; completep also transfers along the depth
parameterization: {parameterization}             # {parameterizations}

# Every hyperparameter below is quoted at the base.
optimizer: {{name: adamw, lr: 0.0078125, betas: [0.9, 0.95], eps: 1.0e-10, weight_decay: 0.0}}
{init}
schedule: {{name: linear, warmup: 0.1}}     # linear | cosine | constant | wsd

{data}

{sizes}

search:
  space: {{lr: {{log2: [-12, -3], step: 1.0}}}}     # from 2^-12 to 2^-3 in octaves
  sampler: grid                   # {samplers}
  seeds: 2
  extend: 4                       # steps by which the grid may grow when the best is at its edge
"""

_SIZES = """\
base: {{width: {base}, depth: {depth}, batch: 16, steps: {steps}}}
{ladder:<33} # the proxies that are trained
{target:<33} # the model that is too large to tune"""
BASE, TARGET = 64, 4096  # widths, unless a model's heads ask for others

_INIT_FROM_MODEL = "init: {from: model}               # model: as its authors do | fan_in"
_CALLABLE_DATA = "# Used where the model brings no loss and batches of its own.\n"


DIGIT_SIDE = 8  # pixels; side of the images on which proxies of Hugging Face's models train
CLASSES = 10  # of images, where the model's last layer does not say it


@dataclass(frozen=True, slots=True)
class ProxyLadder:
    """Sizes for the proxies of a model whose config is known.

    Attributes:
        model_type: The `model_type` in the config.
        base: Width of the base.
        widths: Widths of the ladder, including that of the base.
        depth: Depth of the base.
        target: Width and depth of the target.
        args: Entries of the config that are the same at every size.
        images: Whether the model reads images.
        vocabulary: Vocabulary size of the target if the proxies train on bytes, else None.
    """

    model_type: str
    base: int
    widths: tuple[int, ...]
    depth: int
    target: tuple[int, int]
    args: dict[str, object]
    images: bool
    vocabulary: int | None


@dataclass(frozen=True, slots=True)
class ModelInput:
    """What a user's model takes.

    Attributes:
        kind: tokens, vectors or images.
        size: Numbers per vector, or channels of an image; None for tokens.
        classes: Number of outputs, if it is the same at every width.
    """

    kind: Literal["tokens", "vectors", "images"]
    size: int | None = None
    classes: int | None = None


def template(
    model: str,
    name: str,
    ladder: ProxyLadder | None = None,
    takes: ModelInput | None = None,
    arguments: CallableArguments = DEFAULT_ARGUMENTS,
) -> str:
    """The text of a commented recipe.

    Args:
        model: A built-in model, hf:TYPE, hf:config.json or package.module:callable.
        name: The study's name.
        ladder: Sizes of the proxies, for an hf: model.
        takes: What the callable's model takes; None: unknown.
        arguments: Those of the callable.

    Raises:
        InputError: The model is none of these, or the name cannot be a study's.
    """
    if not re.fullmatch(NAME, name):
        raise InputError(
            f"name {name!r}: expected letters, digits, '.', '_' or '-' (a letter or digit first)"
        )
    if model in MODELS:
        parts = _of_built_in(MODELS[model])
    elif ladder is not None:
        parts = _of_config(model, ladder)
    elif is_callable(model):
        parts = {
            "model": model_section(model, arguments),
            "init": _INIT_FROM_MODEL,
            "data": _CALLABLE_DATA + _data_for(takes),
            "sizes": _sizes(200, arguments.narrowest, arguments.layers),
        }
    else:
        raise InputError(
            f"--model {model}: expected {' | '.join(MODELS.names)} | hf:TYPE | hf:config.json | "
            f"package.module:callable{suggestion(model, MODELS.names)}"
        )
    default = Recipe.model_fields["parameterization"].default
    parts = {"sizes": _sizes(200), "parameterization": default, **parts}
    return _TEXT.format(
        name=_quoted(name),
        parameterizations=" | ".join(PARAMETERIZATIONS.names),
        samplers=" | ".join(SAMPLERS.names),
        **parts,
    )


def _sizes(steps: int, narrowest: int = NARROWEST, layers: int = LAYERS) -> str:
    """The sizes, every width a multiple of the narrowest."""
    widths = [narrowest, 2 * narrowest, 4 * narrowest]
    target = narrowest
    while 2 * target <= TARGET:
        target *= 2
    return _SIZES.format(
        base=narrowest * ceil(BASE / narrowest),
        depth=layers,
        steps=steps,
        ladder=f"ladder: {{width: {widths}}}",
        target=f"target: {{width: {target}}}",
    )


def _data(kind: DataKind, preferred: str = "", d_in: int | None = None) -> str:
    """The `data:` section for the preferred source, else for one that yields this kind of data.

    Sources with `d_in` numbers per input come first, then those that run without further packages
    or files.
    """
    rows = sorted(
        (row for row in SOURCES if row.yields == kind),
        key=lambda r: (
            r.name != preferred,
            d_in not in (None, r.d_in),
            r.reads_file,
            r.requires is not None,
        ),
    )
    if not rows:
        raise InputError(f"no data source yields {kind}")
    row = rows[0]
    path = ", path: FILE" if row.reads_file else ""
    return row.example or f"data: {{source: {row.name}{path}}}    # {row.summary}"


def _data_for(takes: ModelInput | None) -> str:
    """The `data:` section for a user's model."""
    if takes is None or takes.kind == "tokens":
        return _data("tokens")
    if takes.kind == "images":
        shape = [takes.size or 1, IMAGE_SIDE, IMAGE_SIDE]
        return (
            "# Noise as images, with classes of a fixed random network: enough for check. For a\n"
            f"# sweep, your own images x (examples, {takes.size}, height, width) and classes y:\n"
            "# {source: tensors, path: FILE.npz}.\n"
            f"data: {{source: teacher, d_in: {prod(shape)}, d_out: {takes.classes or CLASSES}, "
            f"shape: {shape}}}"
        )
    rows = [row for row in SOURCES if row.yields == "vectors" and not row.reads_file]
    for row in sorted(rows, key=lambda r: not r.fixed_sizes):
        if row.fixed_sizes and (row.d_in, row.d_out) == (takes.size, takes.classes):
            return row.example or f"data: {{source: {row.name}}}"
        if not row.fixed_sizes:
            classes = takes.classes or row.d_out
            return (
                f"# {row.summary.capitalize()}.\n"
                "# Your own: {source: tensors, path: FILE.npz}.\n"
                f"data: {{source: {row.name}, d_in: {takes.size}, d_out: {classes}}}"
            )
    return _data("vectors", d_in=takes.size)


def _of_built_in(row: ModelEntry) -> dict[str, str]:
    """The parts of the text for a built-in model."""
    example = row.example
    return {
        "model": example.model or f"# {row.summary}\nmodel:\n  build: {row.name}\n",
        "init": example.init,
        "data": _data(row.reads, example.source),
        "sizes": _sizes(example.steps),
    }


def _of_config(model: str, ladder: ProxyLadder) -> dict[str, str]:
    """The parts of the text for a Hugging Face model."""
    deeper = next((row.name for row in PARAMETERIZATIONS if row.depth_exponent), None)
    args = yaml.safe_dump(ladder.args, default_flow_style=True, sort_keys=False).strip()
    width, depth = ladder.target
    about = [f"# {ladder.model_type}, {width} wide and {depth} layers deep; every size of its"]
    about.append("# config that follows the hidden size is scaled with it, the head size stays.")
    if ladder.vocabulary is not None:
        about.append(f"# The vocabulary here is bytes, the target's own is {ladder.vocabulary}:")
        about.append("# for tokens of your own change data and take vocab_size out of args.")
    if ladder.images:
        about.append("# image_size and num_channels are those of the data below.")
    sizes = (
        f"base: {{width: {ladder.base}, depth: {ladder.depth}, batch: 16, steps: 200}}\n"
        f"ladder: {{width: {list(ladder.widths)}}}    # narrowest that keep head size and ratios\n"
        f"target: {{width: {width}, depth: {depth}}}"
    )
    return {
        "model": "\n".join(
            [*about, "model:", f"  build: {plain_or_quoted(model)}", f"  args: {args}", ""]
        ),
        "init": _INIT_FROM_MODEL,
        "data": _data("vectors", d_in=DIGIT_SIDE**2) if ladder.images else _data("tokens"),
        "sizes": sizes,
        **({"parameterization": deeper} if deeper and depth > ladder.depth else {}),
    }


def _quoted(name: str) -> str:
    """The name as YAML text, quoted if YAML would read it as a number or a word such as null."""
    plain = re.match(r"[A-Za-z]", name) and name.lower() not in ("null", "true", "false")
    return name if plain else f'"{name}"'
