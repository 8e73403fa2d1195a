"""Trained runs on disk: weights, history, and what they say of bags and instances."""
