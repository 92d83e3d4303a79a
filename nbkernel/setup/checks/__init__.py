"""Warnings about what the user may not have intended: contradictions, coarse sampling, quirks of nanoBragg.c that change the
run."""
