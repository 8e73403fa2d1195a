"""The skeleton of a scan: found by a network, corrected by an atlas, or taken from another program, and scored."""
