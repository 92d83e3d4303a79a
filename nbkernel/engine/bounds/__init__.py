"""How a run is computed so that it keeps the promise of its precision: bounds on rounding errors and on what is left out."""
