"""What is to be made, known before any work: config, sample sheet, cohort, data sets, methods, runs.

Every job of a cluster reads all of this again, so nothing here imports PyTorch, SimpleITK or pandas.
"""
