"""How good trained models are: metrics on test bags, their spread, paired comparisons, and published numbers beside."""
