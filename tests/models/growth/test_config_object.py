"""A callable whose sizes lie in one object: the function of the sizes that its refusal shows."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

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


@pytest.mark.parametrize(
    "signature", ["width", "dim: 'int'", "config, width", "dim, config=None", "**config"]
)
def test_others_are_not_refused(signature: str) -> None:
    assert refused(signature, GPTConfig) == ""
