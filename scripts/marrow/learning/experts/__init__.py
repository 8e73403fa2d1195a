"""Experts on attributes: a patient's clinical attributes in, a verdict out.

The kinds of experts are the modules that `schemas/experts` declares; each offers

    make(settings, columns, classes) -> Expert

A kind's module is imported by name (`marrow.learning.build`), and by no other module.
"""
