"""How a population's training step runs: operation by operation, or as one CUDA graph."""

from __future__ import annotations

from typing import Literal

StepMode = Literal["plain", "graph"]
