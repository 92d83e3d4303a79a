from nbkernel.cli.start import console

console()
