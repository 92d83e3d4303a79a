"""From plain functions to machine code, and the folder in which it is cached."""
