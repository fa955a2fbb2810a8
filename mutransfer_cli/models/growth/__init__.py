"""What grows of a recipe's model along axes other than width and depth."""
