"""Which trials to run next: what is known of the optimum, and what would narrow it most."""
