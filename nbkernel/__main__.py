from nbkernel.cli.main import console

console()
