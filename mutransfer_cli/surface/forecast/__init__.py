"""What a response surface says of a target: its loss, and its optimum after a pilot."""
