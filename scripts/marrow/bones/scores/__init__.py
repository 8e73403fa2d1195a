"""How well a label map of bones agrees with an annotation: the functions, and the table they fill."""
