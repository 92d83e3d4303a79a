"""The engine of precisions `double` and `mixed`: the same loop nest with pixels innermost."""
