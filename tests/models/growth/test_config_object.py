"""A callable whose sizes lie in one object: the function of the sizes that its refusal shows."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from torch import nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.growth.config_object import refuse_config_object


@dataclass
class GPTConfig:  # the fields and defaults of nanoGPT
    block_size: int = 1024
    vocab_size: int = 50304
    n_layer: int = 12
    n_head: int = 12
    n_embd: int = 768


def refused(signature: str, *classes: type) -> str:
    """What is said of a model with this signature, in a module with these classes."""
    module = ModuleType("their_gpt")
    vars(module).update({kind.__name__: kind for kind in classes})
    source = f"class GPT:\n    def __init__(self, {signature}): pass"
    exec(compile(source, "their_gpt", "exec", dont_inherit=True), vars(module))
    sys.modules["their_gpt"] = module
    try:
        refuse_config_object(vars(module)["GPT"], "their_gpt:GPT")
    except InputError as error:
        return str(error)
    finally:
        del sys.modules["their_gpt"]
    return ""


@pytest.mark.parametrize("signature", ["config", "config: GPTConfig", "config: 'GPTConfig'"])
def test_the_function_that_it_shows_makes_the_object(signature: str) -> None:
    said = refused(signature, GPTConfig)
    line = said[said.index("def build") : said.index(" and name it")]
    built: dict[str, Any] = {"GPT": lambda config: config, "GPTConfig": GPTConfig}
    exec(line, built)
    assert built["build"](256, 3) == GPTConfig(n_layer=3, n_head=4, n_embd=256)


def test_an_object_of_an_unknown_class() -> None:
    assert "build(width, depth) that makes it and returns GPT(args)" in refused("args")


class Layers(nn.Module):
    def __init__(self, dim: int, depth: int) -> None:
        super().__init__()
        self.sizes = dim, depth


def test_an_object_beside_other_arguments() -> None:
    """As x-transformers has it; a class that is no module and no dataclass is not made."""
    said = refused("*, num_tokens, max_seq_len, attn_layers: 'Layers', emb_dim=None", Layers)
    line = said[said.index("def build") : said.index(" and name it")]
    built: dict[str, Any] = {"GPT": lambda **given: given, "Layers": Layers}
    exec(line, built)
    given = built["build"](256, 3)
    assert given.pop("attn_layers").sizes == (256, 3)
    assert given == {"num_tokens": 256, "max_seq_len": 64}
    assert refused("dim, layers: 'str'", Layers) == ""


def test_widths_in_a_list_grow_together() -> None:
    """As of ConvNeXt; where an argument alone is the width, the list stays as it is."""
    said = refused("in_chans=3, depths=(3, 3, 9, 3), dims=(96, 192, 384, 768)")
    assert "def build(width): return GPT(dims=(width, 2 * width, 4 * width, 8 * width))" in said
    assert refused("dim, dims=(96, 192, 384, 768)") == ""


@pytest.mark.parametrize("kind", ["list[int]", "Sequence[int]", "'ArrayLike'"])
def test_required_widths_in_a_list_are_alike(kind: str) -> None:
    said = refused(f"input_dim, hidden_dims: {kind!r}, output_dim, dropout")
    line = said[said.index("def build") : said.index(" and name it")]
    built: dict[str, Any] = {"GPT": lambda **given: given}
    exec(line, built)
    given = built["build"](64, 3)
    assert given.pop("hidden_dims") == [64, 64, 64]
    assert given == {"input_dim": 32, "output_dim": 10, "dropout": 0}
    assert refused("input_dim, hidden_channels: int, output_dim") == ""  # the control


@pytest.mark.parametrize(
    "signature", ["width", "dim: 'int'", "config, width", "dim, config=None", "**config"]
)
def test_others_are_not_refused(signature: str) -> None:
    assert refused(signature, GPTConfig) == ""
