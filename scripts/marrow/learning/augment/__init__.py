"""Augmentation of a bag's instances in batches on the device: flip, shift, rotation, deformation, smoothing, jitter."""
