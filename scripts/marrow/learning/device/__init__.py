"""The device that networks run on: memory, precision, determinism, chunks."""
