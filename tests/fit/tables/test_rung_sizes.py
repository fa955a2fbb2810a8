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


def test_tokens_are_the_length_where_batches_share_them() -> None:
    """Three batches at each of two numbers of tokens: six numbers of steps, which follow."""
    sizes = {
        "batch": [8.0, 16.0, 32.0] * 2,
        "steps": [800.0, 400.0, 200.0, 1600.0, 800.0, 401.0],
        "tokens": [6400.0] * 3 + [12800.0] * 3,
    }
    assert independent_sizes(sizes) == (["batch", "tokens"], {"steps": "tokens is the size"})
    # the controls: a target that names steps, and a ladder of batches at constant steps
    assert independent_sizes(sizes, ["steps"])[0] == ["batch", "steps"]
    sizes |= {"steps": [100.0] * 6, "tokens": [b * 100 for b in sizes["batch"]]}
    assert independent_sizes(sizes)[0] == ["batch", "steps"]


def test_parameters_are_the_size_of_models_of_any_shape() -> None:
    """Five models, as in arXiv 2503.04715, of which wider ones are less deep."""
    sizes = {
        "width": [512.0, 768.0, 960.0, 1280.0, 1024.0],
        "depth": [15.0, 14.0, 7.0, 10.0, 8.0],
        "params": [6e7, 1.2e8, 2.15e8, 4.3e8, 2.7e8],
    }
    dropped = {"width": "params is the size", "depth": "params is the size"}
    assert independent_sizes(sizes) == (["params"], dropped)
    # the controls: a target that names the width; models on a line; a grid of widths and depths
    assert independent_sizes(sizes, ["width", "depth"])[0] == ["width", "depth"]
    line = {"width": [64.0, 128.0, 256.0], "depth": [2.0, 4.0, 8.0], "params": [1.0, 8.0, 64.0]}
    assert independent_sizes(line)[0] == ["width", "depth"]
    assert independent_sizes(line, ["params"])[0] == ["params"]
    grid = {"width": [64.0, 64.0, 128.0, 128.0], "depth": [4.0, 2.0] * 2, "params": [2.0, 1, 8, 4]}
    assert independent_sizes(grid)[0] == ["width", "depth"]
