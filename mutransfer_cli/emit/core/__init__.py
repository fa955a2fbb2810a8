"""The parts that target stacks share."""
