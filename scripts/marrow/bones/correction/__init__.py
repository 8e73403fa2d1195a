"""Corrects a label map of bones by anatomy: surface model, atlas, midsagittal sheet, shape of each bone, margin.

Each step is a function from labels to labels and messages about what it changed; `chain` runs the steps in order.
"""
