"""The bone sheet of a scan: its bones on the water image, the changes of each correction step, and volumes."""
