"""Each trial's gradient norm is clipped at its own threshold, as torch clips one."""

from __future__ import annotations

import torch

from mutransfer_cli.train.batched_optimizers.clip import GradientClip


def gradients() -> torch.Tensor:
    g = torch.Generator().manual_seed(0)
    return torch.randn(4, 50, generator=g) * torch.tensor([1.0, 0.01, 1.0, 10.0])[:, None]


def test_as_torch() -> None:
    thresholds = [0.5, 0.5, None, 2.0]  # the second is below its threshold
    found = gradients()
    GradientClip(thresholds, found)(found)
    for row, before, threshold in zip(found, gradients(), thresholds, strict=True):
        p = torch.nn.Parameter(torch.zeros(50))
        p.grad = before.clone()
        if threshold is not None:
            torch.nn.utils.clip_grad_norm_([p], threshold)
        torch.testing.assert_close(row, p.grad)
    assert not torch.equal(found[0], gradients()[0])  # the control: something was clipped
    assert torch.equal(found[2], gradients()[2])


def test_a_trial_without_a_threshold_keeps_even_an_infinite_gradient() -> None:
    found = torch.tensor([[1.0, float("inf")], [3.0, 4.0]])
    GradientClip([None, 1.0], found)(found)
    assert found[0].tolist() == [1.0, float("inf")]
    torch.testing.assert_close(found[1], torch.tensor([0.6, 0.8]))


def test_without_thresholds_nothing_is_computed() -> None:
    found = gradients()
    clip = GradientClip([None] * 4, found)
    clip(found)
    assert not clip.needed and torch.equal(found, gradients())
