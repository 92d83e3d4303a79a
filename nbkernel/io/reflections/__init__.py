"""Structure factors from files of any format, expanded to all of P1."""
