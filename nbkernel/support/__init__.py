"""Used by every other part: checks of values, memory, signals, the log."""
