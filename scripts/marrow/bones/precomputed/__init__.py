"""Label maps of another program, mapped to the ids of the bone table."""
