"""Structure factors from models of a crystal and from tables of other programs."""
