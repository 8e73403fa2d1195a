"""Encoders: instances in, embeddings out, each instance by itself.

`lenet` for small pictures and for volumes, `mlp` for rows of tables, `resnet` for larger pictures; `build` takes the
one that a method names. `stage` and `products` are what makes a LeNet fast on a processor.
"""
