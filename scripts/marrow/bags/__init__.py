"""Bags: what learning sees of a scan, a patient or a generated set, as files, manifests and arrays."""
