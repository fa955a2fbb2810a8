"""A step as a CUDA graph: captured once, then replayed by one launch instead of hundreds.

What is replayed is what was captured: the same operations on the same memory with the same numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from mutransfer_cli.errors import InputError

Step = Callable[[], None]
WARMUP_STEPS = (
    3  # steps before the capture, as torch asks for: libraries set themselves up meanwhile
)


def supports_graphs(place: torch.device) -> bool:
    """Whether a device has graphs."""
    return place.type == "cuda"


def capture_step(step: Step, place: torch.device) -> Step:
    """The step's replay; capturing it runs nothing. Raises RuntimeError where it cannot be."""
    with torch.cuda.device(place):
        graph, now = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        try:
            with torch.cuda.graph(graph):
                step()
        except BaseException:
            torch.cuda.set_stream(now)  # where a capture fails, torch may stay on its stream
            raise
    replay: Step = graph.replay
    return replay


class StepGraph:
    """Calls a step, after a few calls by its graph; on a CPU always as it is.

    A step that cannot be captured is called as it is from then on. failure: why; seconds: that
    capturing took.
    """

    def __init__(self, place: torch.device) -> None:
        self.place = place
        self.graphs = supports_graphs(place)
        self.calls = 0
        self.replay: Step | None = None
        self.failure: str | None = None
        self.seconds = 0.0

    def __call__(self, step: Step) -> None:
        """step: the same in every call."""
        if self.graphs and self.replay is None and self.failure is None:
            if self.calls < WARMUP_STEPS:
                self.calls += 1
                self.aside(step)
                return
            self.capture(step)
        (self.replay or step)()

    def aside(self, step: Step) -> None:
        """On a stream of its own, as torch asks for."""
        with torch.cuda.device(self.place):
            now, side = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]  # no type
            side.wait_stream(now)
            with torch.cuda.stream(side):
                step()
            now.wait_stream(side)

    def capture(self, step: Step) -> None:
        started = time.perf_counter()
        try:
            self.replay = capture_step(step, self.place)
        except (RuntimeError, InputError) as error:
            self.failure = f"its step cannot be captured: {' '.join(str(error).split())[:200]}"
        self.seconds = time.perf_counter() - started
