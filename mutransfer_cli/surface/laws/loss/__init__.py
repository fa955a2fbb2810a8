"""Laws of the loss: sums of power terms, fitted by robust least squares."""
