"""From expected photons to counts: what a detector does to an image."""
