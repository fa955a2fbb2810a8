"""A step as a CUDA graph: captured once, then replayed by one launch instead of hundreds.

What is replayed is what was captured: the same operations on the same memory with the same numbers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import torch

from mutransfer_cli.errors import InputError

log = logging.getLogger(__name__)

Step = Callable[[], None]
WARMUP_STEPS = 3  # before the capture, as torch asks for: libraries set themselves up


def supports_graphs(device: torch.device) -> bool:
    """Whether a device has graphs."""
    return device.type == "cuda"


def capture_step(step: Step, device: torch.device) -> Step:
    """Capture a step, which runs nothing; returns its replay.

    Raises:
        RuntimeError: The step does something that a graph cannot hold.
    """
    with torch.cuda.device(device):
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
    """Calls a step: plainly at first, then through its graph if the device supports graphs.

    Attributes:
        failure: Why the step could not be captured, so that it is always called plainly.
        seconds: Seconds that the capture took.
    """

    def __init__(self, device: torch.device) -> None:
        """Capture nothing yet."""
        self.device = device
        self.graphs = supports_graphs(device)
        self.calls = 0
        self.replay: Step | None = None
        self.failure: str | None = None
        self.seconds = 0.0

    def __call__(self, step: Step) -> None:
        """Call a step, which must be the same function every time."""
        if self.graphs and self.replay is None and self.failure is None:
            if self.calls < WARMUP_STEPS:
                self.calls += 1
                self.on_side_stream(step)
                return
            self.capture(step)
        (self.replay or step)()

    def on_side_stream(self, step: Step) -> None:
        """Call a step on a stream of its own, as torch asks for before a capture."""
        with torch.cuda.device(self.device):
            now, side = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]  # no type
            side.wait_stream(now)
            with torch.cuda.stream(side):
                step()
            now.wait_stream(side)

    def capture(self, step: Step) -> None:
        """Capture a step, or record why that is not possible."""
        started = time.perf_counter()
        try:
            self.replay = capture_step(step, self.device)
        except (RuntimeError, InputError) as error:
            self.failure = f"its step cannot be captured: {' '.join(str(error).split())[:200]}"
            log.info("no CUDA graph: %s", self.failure)
        self.seconds = time.perf_counter() - started
        if self.failure is None:
            log.debug("captured a step as a CUDA graph in %.2g s", self.seconds)
