"""Reading bags for training: from files or from device memory, augmented, joined into batches."""
