"""Where the surface of bones lies, learned from annotated scans."""
