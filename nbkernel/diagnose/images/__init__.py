"""Comparing two images, and drawing one."""
