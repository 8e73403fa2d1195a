"""Public data that bag sets are made of: where it lies, how it is downloaded, how it is read."""
