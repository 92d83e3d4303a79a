"""Run by hand: speed against the C program (python -m bench --c-binary PATH), and random cases (python -m bench.fuzz)."""
