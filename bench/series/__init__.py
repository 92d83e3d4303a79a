"""python -m bench.series: data sets beside loops of single runs."""
