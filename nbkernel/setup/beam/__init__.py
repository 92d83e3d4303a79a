"""The incident beam of a run: sources, weights, fluence."""
