"""Morphological perturbations of handwritten digits, after Morpho-MNIST (Castro et al., JMLR 20:178, 2019)."""
