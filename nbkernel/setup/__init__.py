"""From an Experiment to a RenderPlan: everything that is determined before the first pixel is rendered."""
