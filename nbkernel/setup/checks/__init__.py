"""What the user may not have meant: contradictions, coarse sampling, quirks of nanoBragg.c that change the run."""
