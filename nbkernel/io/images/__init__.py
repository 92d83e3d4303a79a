"""Image formats: SMV, PGM, PNG, float."""
