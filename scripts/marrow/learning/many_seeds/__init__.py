"""Many seeds in one process: trains runs of one method on one data set that differ in their seeds alone."""
