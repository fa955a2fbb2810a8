"""How a population is stepped: operation after operation, or as one CUDA graph."""

from __future__ import annotations

from typing import Literal

How = Literal["plain", "graph"]
