"""A seeded whole-body MRI phantom: anatomy from simple solids, and a scanner that looks at it.

`roster` says which scans a simulated cohort has (it is read when Snakemake parses, so it needs the standard library
alone); `anatomy` builds a patient's body; `scanner` turns it into stations; `export` writes them as a scanner would.
Nothing is imported here, so that reading the roster stays cheap.
"""
