"""How a model joins what it makes of pictures with a patient's attributes.

The kinds of fusion are the modules that `schemas/fusions` declares; each offers

    make(settings, width, columns, classes) -> Fusion

where `width` is that of the embeddings. A kind's module is imported by name (`marrow.learning.build`), and by no other
module.
"""
