"""Pictures of the docs: `python -m benchmarks.pictures.phantom docs/pictures` and the like."""
