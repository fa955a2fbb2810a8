"""What a forward pass does with every tensor: roles, fans, growing dimensions."""
