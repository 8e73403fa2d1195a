"""A model of the bones' surface, trained on annotated scans, and the correction step that uses it."""
