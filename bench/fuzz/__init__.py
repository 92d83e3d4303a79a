"""Random command lines and mutated files, by seed, for any length of time: python -m bench.fuzz
commands|files|lines."""
