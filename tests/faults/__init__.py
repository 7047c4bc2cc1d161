"""Everything that can go wrong between us and IB, one row each, and what must be left behind."""
