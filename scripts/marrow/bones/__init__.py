"""The bones of a scan: segmented by a network, corrected with an atlas, or taken from another program; their scores."""
