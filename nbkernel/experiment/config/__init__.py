"""Experiments as TOML files: one table per part, with the names of Experiment's fields; `[[panels]]` for each panel."""
