"""Batches of several trials as one."""

from __future__ import annotations

import torch

from mutransfer_cli.train.population.stacked_batches import stack_batches, trial_dimensions


def test_tensors_get_a_trial_dimension_and_the_rest_is_shared() -> None:
    batches = [({"x": torch.full((2, 3), float(k)), "scale": 2}, [torch.tensor(k)]) for k in (5, 7)]
    inputs, (targets,) = stack_batches(batches)
    assert inputs["x"].shape == (2, 2, 3) and inputs["scale"] == 2
    assert inputs["x"][1].unique().tolist() == [7.0] and targets.tolist() == [5, 7]
    assert trial_dimensions((inputs, [targets])) == ({"x": 0, "scale": None}, [0])


def test_the_dimensions_are_those_that_vmap_takes() -> None:
    batch = stack_batches([(torch.ones(3), 2), (torch.zeros(3), 2)])
    found = torch.vmap(lambda b: b[0].sum() * b[1], in_dims=(trial_dimensions(batch),))(batch)
    assert found.tolist() == [6.0, 0.0]
