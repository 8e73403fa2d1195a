"""The sections of the report, each with its template; a module takes its data and returns a `Section`."""
