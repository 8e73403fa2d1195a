"""Mends a label map of bones by anatomy: an atlas, the midsagittal sheet, the shape of each bone, and a margin.

Each step is a function of labels to labels that says what it did; `chain` runs them in order.
"""
