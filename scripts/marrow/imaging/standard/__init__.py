"""The intensity standard: landmarks of a scan, the standard scale, and a scan brought onto it."""
