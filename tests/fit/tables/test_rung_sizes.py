"""Sizes that are equal up to rounding, and sizes that follow from others."""

from __future__ import annotations

from mutransfer_cli.fit.tables.rung_sizes import independent_sizes, merged


def test_rounding() -> None:
    stands_for, groups = merged([3784, 3785, 3785, 7569, 100, 101])
    assert stands_for == {3784: 3785, 3785: 3785, 7569: 7569, 100: 100, 101: 100}
    assert groups == [(100, 101), (3784, 3785)]
    # the controls: 10 and 11 steps differ by a tenth, 1e9 and 1.01e9 tokens by a hundredth
    assert merged([10, 11, 1e9, 1.01e9])[1] == []
    assert merged([1e9, 1.0005e9])[1] == [(1e9, 1.0005e9)]


def test_parameters_follow_from_width() -> None:
    sizes = {"width": [64.0, 64.0, 128.0], "params": [5e4, 5e4, 2e5]}
    assert independent_sizes(sizes) == (["width"], {"params": "follows from width"})
    # the control: models of one width that differ in parameters
    sizes["params"] = [5e4, 6e4, 2e5]
    assert independent_sizes(sizes) == (["width", "params"], {})


def test_tokens_follow_from_steps() -> None:
    sizes = {"params": [1.0, 2.0], "steps": [10.0, 20.0], "tokens": [1e4, 2e4]}
    assert independent_sizes(sizes) == (["params", "steps"], {"tokens": "follows from steps"})
    del sizes["steps"]
    assert independent_sizes(sizes)[0] == ["params", "tokens"]
