"""From plain functions to machine code, and the folder that keeps it."""
