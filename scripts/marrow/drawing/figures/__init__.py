"""Figures of an evaluation, as SVG: text stays text, and the same numbers give the same bytes."""
