"""What several kinds of data set share: drawing bags by their number, digits by split, key instances, bag files."""
