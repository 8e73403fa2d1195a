"""Generated bag sets: a module a kind, each with `layout`, `classes` and `make_bags`."""
