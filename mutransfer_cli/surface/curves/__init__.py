"""Loss curves along one hyperparameter: windows, parabolas, optima, drift and regret."""
