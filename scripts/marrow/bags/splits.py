"""The splits of a data set, in the order in which they are listed."""

SPLITS = ("train", "validation", "test", "predict")
