"""Many trials of one architecture trained as one batched computation."""
