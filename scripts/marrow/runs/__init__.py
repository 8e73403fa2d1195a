"""Trained runs on disk: the model, its history, and its predictions of bags and of instances."""
