"""Marrow: whole-body MRI cohorts to trained, evaluated and explained multiple-instance classifiers."""
