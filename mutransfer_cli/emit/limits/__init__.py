"""What stacks decide by themselves, and what their classes refuse."""
