"""Rendering on CUDA devices."""
