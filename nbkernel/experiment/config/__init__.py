"""Experiments as TOML files: a table for each part, with Experiment's own names; `[[panels]]` for each panel."""
