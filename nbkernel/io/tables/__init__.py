"""Small text files: source tables and orientation matrices."""
