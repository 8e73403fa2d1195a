"""The viewer of the report: where its program comes from, and volumes small enough to go into a page."""
