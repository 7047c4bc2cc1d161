"""What the simulated Gateway knows of the world: contracts, sessions and bars."""
