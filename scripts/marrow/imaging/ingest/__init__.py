"""Raw images to composed volumes: the only part of Marrow that opens a scanner's files.

Everything that a header says about a person ends here. Raw paths may hold names too, so no message, log line or output
of this package speaks of a path: it speaks of a contrast and of the number of a file, a series or a station.
"""
