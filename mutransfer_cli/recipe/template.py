"""The commented recipe that `mutransfer init` writes; it runs as it is."""

from __future__ import annotations

import re

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.model import is_callable
from mutransfer_cli.recipe.schema import NAME

_TEXT = """\
# mutransfer check FILE      is the parameterization implemented as the theory asks?
# mutransfer sweep FILE      train the proxies (--dry-run: only what it would cost)
# mutransfer scale RUN ...   the configuration of the large model
name: {name}

{model}
parameterization: mup             # mup | sp (standard: what mup is compared with)

# Every hyperparameter below is quoted at the base.
optimizer: {{name: adamw, lr: 0.0078125, betas: [0.9, 0.95], eps: 1.0e-10, weight_decay: 0.0}}
{init}
schedule: {{name: linear, warmup: 0.1}}     # linear | cosine | constant | wsd

{data}

base: {{width: 64, depth: 2, batch: 16, steps: 200}}
ladder: {{width: [32, 64, 128]}}    # the proxies that are trained
target: {{width: 4096}}            # the model that is too large to tune

search:
  space: {{lr: {{log2: [-12, -3], step: 1.0}}}}     # from 2^-12 to 2^-3 in octaves
  sampler: grid                   # grid | sobol | tpe (the last two need budget: {{trials: 64}})
  seeds: 2
  extend: 4                       # steps by which the grid may grow when the best is at its edge
"""

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


def template(model: str, name: str) -> str:
    """The text of a commented recipe.

    Args:
        model: mlp | gpt | package.module:callable.
        name: The study's name.

    Raises:
        InputError: A model that this version cannot start from, or a name that is none.
    """
    if not re.fullmatch(NAME, name):
        raise InputError(
            f"name {name!r}: expected letters, digits, '.', '_' or '-' (a letter or digit first)"
        )
    if model in ("mlp", "gpt"):
        parts = _PARTS[model]
    elif model == "convnet" or model.startswith("hf:"):
        raise InputError(
            f"--model {model}: not available yet in this version; "
            "available: mlp, gpt, package.module:callable"
        )
    elif is_callable(model):
        parts = {k: v.replace("BUILD", model) for k, v in _PARTS["callable"].items()}
    else:
        raise InputError(
            f"--model {model}: expected mlp | gpt | convnet | hf:TYPE | hf:config.json | "
            "package.module:callable"
        )
    return _TEXT.format(name=_quoted(name), **parts)


def _quoted(name: str) -> str:
    """The name as YAML text; quoted where it would read as a number or a word such as null."""
    plain = re.match(r"[A-Za-z]", name) and name.lower() not in ("null", "true", "false")
    return name if plain else f'"{name}"'
