"""Rules of further axes: mixtures of experts, and the rank of adapters."""
