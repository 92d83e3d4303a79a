"""Models of DIALS and dxtbx: detectors and crystals in JSON files."""
