"""Auxiliary heads: what a task asks of each instance, answered from its embedding, and the loss of the answers.

The kinds of heads are the modules that `schemas/heads` declares; each offers

    make(settings, task, width, mean, std) -> Head

where `width` is that of the embedding, and mean and standard deviation are those of the training instances' values. A
kind's module is imported by name (`marrow.learning.build`), and by no other module.
"""
