"""Volumes and their geometry: ingest of scans, the common grid, the intensity standard."""
