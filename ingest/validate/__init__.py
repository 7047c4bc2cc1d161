"""Bars in, verdicts out: which may be stored, which are set aside and why, and what the ledger may claim. Pure."""
