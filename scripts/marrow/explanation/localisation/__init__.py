"""Where: how well scores of instances point at what makes a bag what it is, and pictures of it on the scan."""
