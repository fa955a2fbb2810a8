"""Statistics of loss curves: whether they collapse, and the final loss that a part predicts."""
