"""Benchmarks anyone can run: `make bench`. Every figure is a ratio inside one run, never an absolute time."""
