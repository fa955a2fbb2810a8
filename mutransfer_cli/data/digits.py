"""`digits`: scikit-learn's handwritten digits."""

from __future__ import annotations

from hashlib import sha256

import torch

from mutransfer_cli.data.labeled import LabeledTable, hold_out
from mutransfer_cli.data.protocol import DataSettings
from mutransfer_cli.errors import InputError


def open_digits(settings: DataSettings) -> LabeledTable:
    """1797 images of 8 × 8, pixels in 0 to 1; every fifth validates.

    Raises:
        InputError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise InputError(
            "digits needs scikit-learn; pip install 'mutransfer[digits]'", path=("data", "source")
        ) from error
    x, y = load_digits(return_X_y=True)
    digest = sha256(x.tobytes() + y.tobytes()).hexdigest()
    inputs = torch.tensor(x / 16.0, dtype=torch.float32)
    return hold_out(inputs, torch.tensor(y, dtype=torch.int64), digest, every=5)
