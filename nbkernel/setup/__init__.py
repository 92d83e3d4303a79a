"""From an Experiment to a RenderPlan: everything that is decided before the first pixel."""
