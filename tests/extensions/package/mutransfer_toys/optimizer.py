"""An optimizer: gradient descent, by torch's own class."""

from __future__ import annotations

from torch.optim import SGD

from mutransfer_cli.optimizers.geometry import GRADIENT
from mutransfer_cli.optimizers.protocol import OptimizerSpec

TOY_SGD = OptimizerSpec(name="toy-sgd", geometry=GRADIENT, torch_class=lambda: SGD)
