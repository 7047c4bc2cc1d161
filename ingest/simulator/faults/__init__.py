"""Misbehaviour on demand: scripts of faults, what each matches and what it does. Seeded, so a run can be repeated."""
