"""The command line. Nothing here imports numba or numpy before the arguments are known to be good."""
