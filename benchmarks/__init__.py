"""Benchmarks: each stage against its floor or its peer, side by side in one run (`make bench`).

`registry` lists them, one module holds each group, `history` keeps every run in docs/benchmarks.json and `page` renders
docs/benchmarks.md from it. They import what they measure, so `scripts/` must be on the path of Python.
"""
