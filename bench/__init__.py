"""Speed against the C program, run by hand: python -m bench --c-binary PATH."""
