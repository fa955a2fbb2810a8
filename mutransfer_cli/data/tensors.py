"""`tensors`: a user's own table of inputs with classes."""

from __future__ import annotations

import importlib
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mutransfer_cli.data.data_file import PATH, READING_ERRORS, unreadable
from mutransfer_cli.data.labeled import LabeledTable, hold_out
from mutransfer_cli.data.protocol import DataSettings
from mutransfer_cli.errors import InputError

MOST_CLASSES = 1 << 24  # the model has an output for each


def open_tensors(settings: DataSettings) -> LabeledTable:
    """`.npz` or `.safetensors` with x (n, …) and y (n,); every tenth row validates.

    Nothing is unpickled.

    Raises:
        InputError: The file cannot be read, or holds anything else.
    """
    path = settings.file
    try:
        x, y = _arrays(path)
    except READING_ERRORS as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise unreadable(path, error) from error
        raise InputError(
            f"{path}: expected .npz or .safetensors with arrays x and y: {error}", path=PATH
        ) from error
    digest = sha256(_bytes(x) + _bytes(y)).hexdigest()
    return hold_out(_inputs(x, y, path), _classes(y, path), digest, every=10)


def _inputs(x: Tensor, y: Tensor, path: Path) -> Tensor:
    """The inputs as float32.

    Raises:
        InputError: They are not finite numbers, or not as many as there are classes.
    """
    if x.ndim < 1 or y.ndim != 1 or len(x) != len(y) or len(x) < 2 or not x[0].numel():
        raise InputError(
            f"{path}: expected x (n, …) and whole numbers y (n,) from 0; found "
            f"{_described(x)} and {_described(y)}",
            path=PATH,
        )
    if x.is_complex():
        raise InputError(f"{path}: x: expected real numbers, found {_described(x)}", path=PATH)
    inputs = x.float()
    if not bool(inputs.isfinite().all()):
        raise InputError(f"{path}: x holds NaN or infinite numbers as float32", path=PATH)
    return inputs


def _classes(y: Tensor, path: Path) -> Tensor:
    """The classes as int64.

    Raises:
        InputError: They are not whole numbers from 0, or there would be too many classes.
    """
    if y.is_floating_point() or y.is_complex():
        raise InputError(
            f"{path}: expected whole numbers y (n,) from 0, found {_described(y)}", path=PATH
        )
    classes = y.long()  # of uint64, numbers above int64 become negative
    low, high = int(classes.min()), int(classes.max())
    if low < 0 or high >= MOST_CLASSES:
        raise InputError(
            f"{path}: expected whole numbers y (n,) from 0 to {MOST_CLASSES - 1}, found {low} to "
            f"{high}",
            path=PATH,
        )
    return classes


def _described(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def _bytes(tensor: Tensor) -> bytes:
    """The bytes of a tensor, of types that numpy does not have too."""
    return (
        tensor.clone(memory_format=torch.contiguous_format)
        .flatten()
        .view(torch.uint8)
        .numpy()
        .tobytes()
    )


def _arrays(path: Path) -> tuple[Tensor, Tensor]:
    """The arrays x and y as they are in the file."""
    if path.suffix == ".safetensors":
        try:
            load_file = importlib.import_module("safetensors.torch").load_file
        except ImportError as error:
            raise InputError(
                f"{path}: needs the package safetensors, or give a .npz", path=PATH
            ) from error
        try:
            arrays = load_file(path)
        except OSError:
            raise
        except Exception as error:  # the package has an error class of its own, without a base
            raise ValueError(error) from error
        return arrays["x"], arrays["y"]
    with np.load(path, allow_pickle=False) as archive:
        return torch.from_numpy(archive["x"]), torch.from_numpy(archive["y"])
