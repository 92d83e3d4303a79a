"""Random command lines and mutated files, by seed, for as long as one likes: python -m bench.fuzz
commands|files|lines."""
