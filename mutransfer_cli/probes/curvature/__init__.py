"""Second derivatives of a loss: products with the Hessian, its spectrum, stability of steps."""
