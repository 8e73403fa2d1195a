"""The bone sheet of a scan: its bones on the water image, what each correction changed, and volumes."""
