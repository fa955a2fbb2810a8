"""`tensors`: a user's own table of inputs with classes."""

from __future__ import annotations

import importlib
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from mutransfer_cli.data.data_file import PATH, unreadable
from mutransfer_cli.data.labeled import LabeledTable, hold_out
from mutransfer_cli.data.protocol import DataSettings
from mutransfer_cli.errors import InputError


def open_tensors(settings: DataSettings) -> LabeledTable:
    """`.npz` or `.safetensors` with x (n, …) and y (n,); every tenth row validates.

    Nothing is unpickled.

    Raises:
        InputError: The file cannot be read, or holds anything else.
    """
    path = settings.file
    try:
        x, y = _arrays(path)
    except OSError as error:
        raise unreadable(path, error) from error
    except (KeyError, ValueError, BadZipFile) as error:
        message = " ".join(str(error).split())
        raise InputError(
            f"{path}: expected .npz or .safetensors with arrays x and y: {message}", path=PATH
        ) from error
    labels = y.ndim == 1 and not y.is_floating_point()
    if len(x) != len(y) or len(x) < 2 or not labels or int(y.min()) < 0:
        raise InputError(
            f"{path}: expected x (n, …) and whole numbers y (n,) from 0; found "
            f"{tuple(x.shape)} and {tuple(y.shape)} {str(y.dtype).removeprefix('torch.')}",
            path=PATH,
        )
    digest = sha256(x.numpy().tobytes() + y.numpy().tobytes()).hexdigest()
    return hold_out(x.float(), y.long(), digest, every=10)


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
