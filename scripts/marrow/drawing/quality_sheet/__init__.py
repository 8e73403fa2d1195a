"""The per-scan quality sheet: what a person looks at before a scan is trusted."""
