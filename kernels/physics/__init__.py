"""The formulas, as plain functions of numbers, 3-tuples and arrays: a physicist can read this folder alone."""
