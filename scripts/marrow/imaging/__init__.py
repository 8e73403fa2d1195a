"""Volumes and their geometry: ingest of raw scans, resampling to a common grid, intensity standardisation."""
