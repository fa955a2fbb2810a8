"""Errors of networks, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mutransfer_cli.probes.curves.learning_curve import network_error
from mutransfer_cli.probes.subject.trainee import Trainee


def test_the_network_s_own_error_by_hand() -> None:
    """Outputs 1 and 3 against targets 1 and 1: (0 + 4)/2; a probability of ½ against 1 and 0: ¼."""
    x = torch.tensor([[1.0], [3.0]])
    for outputs, y, target, error in (
        (1, x, [1.0, 1.0], 2.0),
        (2, torch.tensor([0, 1]), [1.0, 0.0], 0.25),
    ):
        model = nn.Linear(1, outputs, bias=False)
        nn.init.ones_(model.weight)
        batch = (x, y)
        trainee = Trainee(
            model, None, lambda m, b: m(b[0]).sum(), lambda i, b=batch: b, lambda i: 0.0, 1, {}
        )
        found = network_error(trainee, x, np.array(target), 0.9)
        assert found.value == pytest.approx(error)
