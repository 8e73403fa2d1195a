"""The training loop, its optimiser, its checkpoints, and the choice of an epoch."""
