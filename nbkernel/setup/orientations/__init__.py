"""The crystal's orientations: phi steps, mosaic domains."""
