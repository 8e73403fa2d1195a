"""Where a model looks: scores and maps of instances, perturbation, network inversion."""
