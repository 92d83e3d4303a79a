"""Structure factors made from what is no table of amplitudes: models of a crystal."""
