"""Splits of patients into training, validation and test; used at parse time, with the standard library alone."""
