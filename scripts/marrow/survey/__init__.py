"""Makes a sample sheet from a folder of DICOM, NIfTI or BIDS: who was examined, which images show what, what lacks."""
