"""Encoders: instances in, embeddings out, each instance by itself.

The kinds of encoders are the modules that `schemas/encoders` declares; each offers

    make(settings, shape) -> Encoder

where `settings` are those of the method, complete, and `shape` is that of an instance without margin. The module of a
kind is imported by name (`marrow.learning.build`), and by no other module but one that builds on it. `stage` and
`products`, which are no kinds, make a LeNet fast on a processor.
"""
