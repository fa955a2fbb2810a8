"""The file of a checkpoint: nested data as JSON with its tensors aside, whole or not at all.

safetensors, or where that is missing torch's own format, read with weights_only: neither runs code.
"""

from __future__ import annotations

import json
import os
import pickle
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


def restored(found: tuple[dict[str, Any], dict[str, Tensor]]) -> dict[str, Any]:
    """The tree of a file that was read; puts the random generators back."""
    tree: dict[str, Any] = unpacked(found[0]["tree"], found[1])
    set_random_state(tree["random"])
    return tree


def random_state() -> dict[str, Any]:
    name, keys, *rest = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "numpy": [
            name,
            torch.from_numpy(np.asarray(keys, dtype=np.int64)),
            *rest,
        ],
        "python": random.getstate(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["torch"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    random.setstate(state["python"])
    if "cuda" in state:
        torch.cuda.set_rng_state_all(state["cuda"])


def packed(tree: Any, tensors: dict[str, Tensor]) -> Any:
    """Nested data as JSON, its tensors aside under numbers."""
    if isinstance(tree, Tensor):
        name = str(len(tensors))
        tensors[name] = tree.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(tree, dict):
        return {"dict": [[key, packed(value, tensors)] for key, value in tree.items()]}
    if isinstance(tree, tuple | list):
        kind = "tuple" if isinstance(tree, tuple) else "list"
        return {kind: [packed(value, tensors) for value in tree]}
    return {"value": tree}


def unpacked(tree: Any, tensors: dict[str, Tensor]) -> Any:
    ((kind, value),) = tree.items()
    if kind == "tensor":
        return tensors[value]
    if kind == "dict":
        return {key: unpacked(part, tensors) for key, part in value}
    if kind in ("tuple", "list"):
        parts: Sequence[Any] = [unpacked(part, tensors) for part in value]
        return tuple(parts) if kind == "tuple" else parts
    return value


def write(path: Path, header: str, tensors: dict[str, Tensor]) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        try:
            save_file(tensors, partial, metadata={"head": header})
        except SafetensorError as error:
            raise OSError(str(error)) from error
    else:
        torch.save({"head": header, "tensors": tensors}, partial)
    os.replace(partial, path)


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """What `write` wrote; None for no file, or one that is not whole."""
    if not path.is_file():
        return None
    try:
        if path.suffix == ".safetensors":
            from safetensors import SafetensorError, safe_open

            try:
                with safe_open(path, framework="pt") as file:
                    header = file.metadata()["head"]
                    return json.loads(header), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            except SafetensorError:
                return None
        found = torch.load(path, weights_only=True)
        return json.loads(found["head"]), found["tensors"]
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError):
        return None
    except pickle.UnpicklingError:
        return None


def read_header(path: Path) -> dict[str, Any] | None:
    """What a file tells of itself; None where it is not whole."""
    if path.suffix != ".safetensors":
        found = read(path)
        return None if found is None else found[0]
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            told: dict[str, Any] = json.loads(file.metadata()["head"])
            return told
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return None
