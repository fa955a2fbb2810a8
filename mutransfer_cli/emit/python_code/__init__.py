"""The Python code that emitted files contain, and the values that it reads."""
