"""From expected photons to the counts of a detector: its stages, and the chain of them."""
