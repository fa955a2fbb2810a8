"""How the gradient of a step is computed: in which precision, and in how many parts."""
