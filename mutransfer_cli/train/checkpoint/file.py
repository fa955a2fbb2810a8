"""Reads and writes checkpoint files: nested data as JSON beside tensors, written atomically.

The format is safetensors or, if that package is missing, torch's own, read with weights_only;
neither runs code.
"""

from __future__ import annotations

import json
import pickle
import random
import struct
import zipfile
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mutransfer_cli.files import replacing

# What torch, json and the unpacking of a tree raise for a file that is not whole.
DAMAGED = (
    OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError,
    EOFError, MemoryError, AssertionError, pickle.UnpicklingError, zipfile.BadZipFile, struct.error,
)  # fmt: skip
Content = tuple[dict[str, Any], dict[str, Tensor]]  # header and tensors


def tree_of(content: Content) -> dict[str, Any] | None:
    """The nested data of a file that was read; None if it is damaged."""
    header, tensors = content
    try:
        tree: dict[str, Any] = unpack(header["tree"], tensors)
        before = random_state()
        try:
            set_random_state(tree["random"])
        finally:
            set_random_state(before)
    except DAMAGED:
        return None
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


def write(path: Path, header: str, tensors: dict[str, Tensor], root: Path | None = None) -> None:
    """Write a file atomically.

    Args:
        path: The file; the suffix `.safetensors` selects that format, any other torch's.
        header: The header as JSON.
        tensors: Tensors by name.
        root: A folder around the file that is not made if it is missing.

    Raises:
        OSError: The file cannot be written.
    """
    digest = digest_of(header, tensors)
    with replacing(path, root) as partial:
        if path.suffix != ".safetensors":
            torch.save({"head": header, "digest": digest, "tensors": tensors}, partial)
            return
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        try:
            save_file(tensors, partial, metadata={"head": header, "digest": digest})
        except SafetensorError as error:
            raise OSError(str(error)) from error


def digest_of(header: str, tensors: dict[str, Tensor]) -> str:
    """A digest of everything in a file: a flipped bit must not reach a trial."""
    digest = blake2b(header.encode(errors="replace"), digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(errors="replace"))
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def read(path: Path) -> Content | None:
    """Read what `write` wrote; None if the file is missing, incomplete or damaged."""
    if not path.is_file():
        return None
    try:
        head, digest, tensors = _stored(path)
        header = json.loads(head)
        if not isinstance(header, dict) or digest_of(head, tensors) != digest:
            return None
        return header, tensors
    except DAMAGED:
        return None


def _stored(path: Path) -> tuple[str, str, dict[str, Tensor]]:
    """The parts of a file: header, digest and tensors."""
    if path.suffix != ".safetensors":
        content = torch.load(path, weights_only=True)
        return content["head"], content["digest"], content["tensors"]
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            names = file.keys()  # it is not a mapping
            tensors = {name: file.get_tensor(name) for name in names}
            return metadata["head"], metadata["digest"], tensors
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def read_header(path: Path) -> dict[str, Any] | None:
    """Read the header of a file without its tensors; None if the file is incomplete."""
    if path.suffix != ".safetensors":
        content = read(path)
        return None if content is None else content[0]
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads(file.metadata()["head"])
            return header if isinstance(header, dict) else None
    except (SafetensorError, *DAMAGED):
        return None
