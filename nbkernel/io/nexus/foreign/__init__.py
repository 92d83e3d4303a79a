"""Detectors in other programs' NeXus files: contradictions resolved, missing parts filled in."""
