"""The command line. Nothing here imports numba or numpy before the arguments have been checked."""
