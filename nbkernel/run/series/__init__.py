"""Data sets: many images of one Experiment, of which some values vary by distributions."""
