"""Charts of the report, drawn as inline SVG."""
