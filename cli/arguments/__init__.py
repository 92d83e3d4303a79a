"""nbkernel's own options: their table, and how a command line is read by it."""
