"""Weights of the main task and of auxiliary ones: one rule a file, from losses and the Gramian of their gradients."""
