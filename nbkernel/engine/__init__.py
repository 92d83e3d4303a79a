"""From a RenderPlan to pixels, on threads or CUDA devices."""
