"""Training of multiple-instance classifiers, from packed bags to chosen weights."""
