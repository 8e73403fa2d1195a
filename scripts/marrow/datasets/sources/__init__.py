"""Public data that bag sets are made of: where it is found, how it is downloaded, how it is read."""
