"""What a forward pass does with every parameter: roles, fans, growing dimensions."""
