"""Early stopping of unpromising trials."""
