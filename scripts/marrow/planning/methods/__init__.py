"""Methods of learning: what a config or a preset says of them, complete for a data set."""
