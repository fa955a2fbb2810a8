"""The command line, one module per command: parse options, call one function, show its result."""
