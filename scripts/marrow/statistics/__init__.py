"""Statistics of results: means over runs, intervals and tests over patients."""
