"""What training does to features: tangent kernels, their alignment, and the feature ansatz."""
