"""Months of bad days in minutes: the real programs' code on real sockets, under a clock that jumps over waiting."""
