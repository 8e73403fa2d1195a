"""The quality sheet of a scan, by which a person checks its images."""
