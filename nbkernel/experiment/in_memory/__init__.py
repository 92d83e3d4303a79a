"""Inputs that an Experiment holds in memory instead of naming files: structure factors, sources, a mask."""
