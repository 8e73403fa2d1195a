"""Bags on their way into training: read, kept on the device or in files, augmented, packed into batches."""
