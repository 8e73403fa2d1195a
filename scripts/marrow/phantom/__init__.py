"""A seeded whole-body MRI phantom: an anatomy of simple solids, and a model of the scanner.

`roster` lists the scans of a simulated cohort (Snakemake reads it while it parses, so it needs the standard library
alone); `anatomy` builds a patient's body; `scanner` acquires stations of it; `export` writes them as NIfTI or DICOM.
Nothing is imported here, so that importing the roster stays cheap.
"""
