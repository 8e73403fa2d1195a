"""Data sets whose bags are generated: a module a kind, declared in `schemas/datasets/` (docs/extending/dataset.md).

The modules of this package are kinds, and nothing else imports one by its name; what they share is in the packages
below.
"""
