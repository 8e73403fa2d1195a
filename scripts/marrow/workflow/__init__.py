"""The workflow engine's side: jobs and their records, what is stale and why, the archive of results."""
