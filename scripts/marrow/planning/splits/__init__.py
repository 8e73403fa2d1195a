"""Who trains, who validates, who tests: splits of patients, read at parse time with the standard library alone."""
