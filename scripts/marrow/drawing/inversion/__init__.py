"""The figure of an inversion: instances before and after."""
