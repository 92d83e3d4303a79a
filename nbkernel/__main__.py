"""`python -m nbkernel`: the command line."""

from nbkernel.cli.start import console

console()
