"""Ingest: reads raw NIfTI and DICOM, composes stations, corrects shading, finds the body, checks all of it.

No other package opens a scanner's files. Headers and raw paths may contain names, so no message, log line or output of
this package contains a path or header text: it names the contrast and the number of a file, series or station.
"""
