"""Predicts loss and optimum at a target, seals the forecast, and scores it later."""
