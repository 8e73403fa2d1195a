"""Augmentation of a bag's instances: moved, mirrored, bent, smoothed and jittered in batches on their device."""
