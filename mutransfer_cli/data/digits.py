"""`digits`: scikit-learn's handwritten digits."""

from __future__ import annotations

import gzip
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from mutransfer_cli.data.labeled import LabeledTable, hold_out
from mutransfer_cli.data.protocol import DataSettings
from mutransfer_cli.errors import InputError


def open_digits(settings: DataSettings) -> LabeledTable:
    """1797 images of 8 × 8, pixels in 0 to 1; every fifth validates.

    Raises:
        InputError: scikit-learn is not installed.
    """
    x, y = pixels_and_labels()
    digest = sha256(x.tobytes() + y.tobytes()).hexdigest()
    inputs = torch.tensor(x / 16.0, dtype=torch.float32)
    return hold_out(inputs, torch.tensor(y, dtype=torch.int64), digest, every=5)


def pixels_and_labels() -> tuple[np.ndarray, np.ndarray]:
    """What `load_digits` reads, from its file: importing scikit-learn takes almost a second.

    Raises:
        InputError: scikit-learn is not installed.
    """
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise InputError(
            "digits needs scikit-learn; pip install 'mutransfer[digits]'", path=("data", "source")
        )
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    if not path.is_file():  # a version that keeps it elsewhere
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        return x, y
    with gzip.open(path, "rt", encoding="ascii") as file:
        table = np.loadtxt(file, delimiter=",")
    return table[:, :-1], table[:, -1].astype(int)
