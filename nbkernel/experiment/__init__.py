"""The user's input: experiments, from command lines and files."""
