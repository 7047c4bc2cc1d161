"""A market that tells again what a file of bars says."""
