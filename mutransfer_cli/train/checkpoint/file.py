"""Reads and writes checkpoint files: nested data as JSON beside tensors, written atomically.

The format is safetensors or, if that package is missing, torch's own, read with weights_only;
neither runs code.
"""

from __future__ import annotations

import json
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mutransfer_cli.files import replacing

Content = tuple[dict[str, Any], dict[str, Tensor]]  # header and tensors


def tree_of(content: Content) -> dict[str, Any]:
    """The nested data of a file that was read."""
    header, tensors = content
    tree: dict[str, Any] = unpack(header["tree"], tensors)
    return tree


def random_state() -> dict[str, Any]:
    """The states of the random generators of torch, numpy and Python."""
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
    """Restore what `random_state` returned."""
    torch.set_rng_state(state["torch"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    random.setstate(state["python"])
    if "cuda" in state:
        torch.cuda.set_rng_state_all(state["cuda"])


def pack(tree: Any, tensors: dict[str, Tensor]) -> Any:
    """Convert nested data to JSON; its tensors are added to `tensors` under numbered names."""
    if isinstance(tree, Tensor):
        name = str(len(tensors))
        tensors[name] = tree.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(tree, dict):
        return {"dict": [[key, pack(value, tensors)] for key, value in tree.items()]}
    if isinstance(tree, tuple | list):
        kind = "tuple" if isinstance(tree, tuple) else "list"
        return {kind: [pack(value, tensors) for value in tree]}
    return {"value": tree}


def unpack(packed: Any, tensors: dict[str, Tensor]) -> Any:
    """Restore nested data that `pack` has converted."""
    ((kind, value),) = packed.items()
    match kind:
        case "tensor":
            return tensors[value]
        case "dict":
            return {key: unpack(part, tensors) for key, part in value}
        case "list":
            return [unpack(part, tensors) for part in value]
        case "tuple":
            return tuple(unpack(part, tensors) for part in value)
    return value


def write(path: Path, header: str, tensors: dict[str, Tensor]) -> None:
    """Write a file atomically.

    Args:
        path: The file; the suffix `.safetensors` selects that format, any other torch's.
        header: The header as JSON.
        tensors: Tensors by name.

    Raises:
        OSError: The file cannot be written.
    """
    with replacing(path) as partial:
        if path.suffix != ".safetensors":
            torch.save({"head": header, "tensors": tensors}, partial)
            return
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        try:
            save_file(tensors, partial, metadata={"head": header})
        except SafetensorError as error:
            raise OSError(str(error)) from error


def read(path: Path) -> Content | None:
    """Read what `write` wrote; None if the file is missing or incomplete."""
    if not path.is_file():
        return None
    try:
        if path.suffix == ".safetensors":
            from safetensors import SafetensorError, safe_open

            try:
                with safe_open(path, framework="pt") as file:
                    header = json.loads(file.metadata()["head"])
                    names = file.keys()  # it is not a mapping
                    return header, {name: file.get_tensor(name) for name in names}
            except SafetensorError:
                return None
        content = torch.load(path, weights_only=True)
        return json.loads(content["head"]), content["tensors"]
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError):
        return None
    except pickle.UnpicklingError:
        return None


def read_header(path: Path) -> dict[str, Any] | None:
    """Read the header of a file without its tensors; None if the file is incomplete."""
    if path.suffix != ".safetensors":
        content = read(path)
        return None if content is None else content[0]
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            header: dict[str, Any] = json.loads(file.metadata()["head"])
            return header
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return None
