"""What the user asks for: experiments, and the command lines and files that state them."""
