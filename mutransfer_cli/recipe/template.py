"""The commented recipe that `mutransfer init` writes; it runs as it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.schema.model import is_callable
from mutransfer_cli.recipe.schema.recipe import NAME

_TEXT = """\
# mutransfer check FILE      is the parameterization implemented as the theory asks?
# mutransfer sweep FILE      train the proxies (--dry-run: only what it would cost)
# mutransfer scale RUN ...   the configuration of the large model
name: {name}

{model}
# sp (standard) is what mup is compared with; completep also transfers along the depth
parameterization: {parameterization}             # mup | sp | ntk | mean-field | umup | completep

# Every hyperparameter below is quoted at the base.
optimizer: {{name: adamw, lr: 0.0078125, betas: [0.9, 0.95], eps: 1.0e-10, weight_decay: 0.0}}
{init}
schedule: {{name: linear, warmup: 0.1}}     # linear | cosine | constant | wsd

{data}

{sizes}

search:
  space: {{lr: {{log2: [-12, -3], step: 1.0}}}}     # from 2^-12 to 2^-3 in octaves
  sampler: grid                   # grid | sobol | tpe (the last two need budget: {{trials: 64}})
  seeds: 2
  extend: 4                       # steps by which the grid may grow when the best is at its edge
"""

_SIZES = """\
base: {width: 64, depth: 2, batch: 16, steps: 200}
ladder: {width: [32, 64, 128]}    # the proxies that are trained
target: {width: 4096}             # the model that is too large to tune"""

_PARTS = {
    "gpt": {
        "model": """\
model:
  build: gpt
  args: {vocab_size: 256, head_dim: 16}   # every width is a multiple of head_dim
""",
        "init": "init: {embedding_std: 0.1, residual: gpt2}",
        "data": """\
# The text of Python's standard library. Your own: {source: text, path: corpus.txt, seq_len: 64},
# or token ids: {source: tokens, path: FILE, seq_len: 64} with vocab_size in model.args.
data: {source: stdlib, seq_len: 64}""",
    },
    "mlp": {
        "model": """\
model:
  build: mlp
  args: {activation: relu}        # d_in and d_out come from the data
""",
        "init": "init: {std: null}                 # null: 1/sqrt(fan_in)",
        "data": """\
# Classes drawn by a fixed random teacher; or the handwritten digits: {source: digits}.
data: {source: teacher, d_in: 256, d_out: 10}""",
    },
    "convnet": {
        "model": """\
# Residual blocks of a dense and a depthwise convolution.
model:
  build: convnet
  args: {norm: batch}             # batch | group
""",
        "init": "init: {std: null}                 # null: 1/sqrt(fan_in)",
        "data": """\
# Handwritten digits of scikit-learn, 8×8. Your own images, one channel, as flat vectors x and
# classes y: {source: tensors, path: FILE.npz}.
data: {source: digits}""",
        "sizes": _SIZES.replace("steps: 200", "steps: 100"),
    },
    "callable": {
        "model": """\
# Called as build(width, **args), with depth and seed where it asks for them. It returns a
# torch.nn.Module, or a mutransfer_cli.Subject with its own loss and batches.
model:
  build: BUILD
  args: {}                        # further arguments, the same at every size
  width: {width: 1}               # argument: how many times the width it is
""",
        "init": "init: {from: model}               # model: as the model starts by itself | fan_in",
        "data": """\
# Used where the model brings no loss and batches of its own. stdlib: bytes (256 tokens) of
# Python's standard library; text or tokens with a path; digits (64 in, 10 classes); teacher.
data: {source: stdlib, seq_len: 64}""",
    },
}


@dataclass(frozen=True, slots=True)
class Proxies:
    """What a recipe needs to know of a model whose config is known."""

    model: str
    base: int
    widths: tuple[int, ...]
    depth: int
    target: tuple[int, int]  # width, depth
    args: dict[str, object]
    images: bool
    vocabulary: int | None  # the target's own, where the proxies read bytes


def template(model: str, name: str, proxies: Proxies | None = None) -> str:
    """The text of a commented recipe.

    Args:
        model: mlp | gpt | convnet | hf:TYPE | hf:config.json | package.module:callable.
        name: The study's name.
        proxies: The sizes, for an hf: model.

    Raises:
        InputError: A model that is none of these, or a name that is none.
    """
    if not re.fullmatch(NAME, name):
        raise InputError(
            f"name {name!r}: expected letters, digits, '.', '_' or '-' (a letter or digit first)"
        )
    if model in _PARTS and model != "callable":
        parts = _PARTS[model]
    elif proxies is not None:
        parts = _from_config(model, proxies)
    elif is_callable(model):
        parts = {k: v.replace("BUILD", model) for k, v in _PARTS["callable"].items()}
    else:
        raise InputError(
            f"--model {model}: expected mlp | gpt | convnet | hf:TYPE | hf:config.json | "
            "package.module:callable"
        )
    parts = {"sizes": _SIZES, "parameterization": "mup", **parts}
    return _TEXT.format(name=_quoted(name), **parts)


def _from_config(model: str, proxies: Proxies) -> dict[str, str]:
    """The parts of a Hugging Face model's recipe."""
    args = yaml.safe_dump(proxies.args, default_flow_style=True, sort_keys=False).strip()
    width, depth = proxies.target
    about = [f"# {proxies.model}, {width} wide and {depth} layers deep; every size of its config"]
    about.append("# that follows the hidden size is scaled with it, the size of a head stays.")
    if proxies.vocabulary is not None:
        about.append(f"# The vocabulary here is bytes, the target's own is {proxies.vocabulary}:")
        about.append("# for tokens of your own change data and take vocab_size out of args.")
    if proxies.images:
        data = (
            "# Handwritten digits of scikit-learn, 8×8. Your own images, as flat vectors x and\n"
            "# classes y: {source: tensors, path: FILE.npz}; set image_size and num_channels.\n"
            "data: {source: digits}"
        )
    else:
        data = _PARTS["gpt"]["data"]
    sizes = (
        f"base: {{width: {proxies.base}, depth: {proxies.depth}, batch: 16, steps: 200}}\n"
        f"ladder: {{width: {list(proxies.widths)}}}    # narrowest that keep head size and ratios\n"
        f"target: {{width: {width}, depth: {depth}}}"
    )
    return {
        "model": "\n".join([*about, "model:", f"  build: {model}", f"  args: {args}", ""]),
        "init": "init: {from: model}               # model: as its authors do | fan_in",
        "data": data,
        "sizes": sizes,
        "parameterization": "completep" if depth > proxies.depth else "mup",
    }


def _quoted(name: str) -> str:
    """The name as YAML text; quoted where it would read as a number or a word such as null."""
    plain = re.match(r"[A-Za-z]", name) and name.lower() not in ("null", "true", "false")
    return name if plain else f'"{name}"'
