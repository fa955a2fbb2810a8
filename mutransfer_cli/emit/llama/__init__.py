"""What stacks share that train Llama in a code of their own."""
