"""The sub-commands: a module each, of its name, with `help_text()` and `run(argv)`."""
