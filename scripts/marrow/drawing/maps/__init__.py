"""Maps of where a model looks, drawn on a scan."""
