"""One run from an Experiment to its files, for Python and for the command line."""
