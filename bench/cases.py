"""Workloads, as nanoBragg.c's flags. Sizes are small enough for a laptop; names say what they stress."""

CELL = "-cell 70 80 90 75 85 95 -misset 10 20 30 -lambda 1 -fluence 1e24 -distance 100 -oversample 1"
FLOAT_AND_SMV = "-nonoise -nopgm -noprogress"

CASES = {
    "still4096": f"{CELL} -default_F 100 -N 5 -detpixels 4096 -pixel 0.1 {FLOAT_AND_SMV}",
    "noise2048": f"{CELL} -default_F 100 -N 5 -detpixels 2048 -pixel 0.1 -noprogress -seed 1",
    "mosaic1024": f"{CELL} -default_F 100 -Na 36 -Nb 47 -Nc 29 -detpixels 1024 -pixel 0.2 -mosaic 0.5 -mosaic_dom 50 "
    f"{FLOAT_AND_SMV}",
    "phi1024": f"{CELL} -default_F 100 -Na 36 -Nb 47 -Nc 29 -detpixels 1024 -pixel 0.2 -osc 0.1 -phisteps 20 {FLOAT_AND_SMV}",
    "gauss1024": f"{CELL} -default_F 100 -N 10 -gauss_xtal -detpixels 1024 -pixel 0.2 -mosaic 0.5 -mosaic_dom 20 "
    f"{FLOAT_AND_SMV}",
    "round512": f"{CELL} -default_F 100 -N 10 -round_xtal -detpixels 512 -pixel 0.4 -mosaic 0.5 -mosaic_dom 50 "
    f"{FLOAT_AND_SMV}",
    "sensor512": f"{CELL} -default_F 100 -N 10 -detpixels 512 -pixel 0.2 -oversample 3 -detector_abs 234 -detector_thick 450 "
    f"-detector_thicksteps 5 -polar 0.95 {FLOAT_AND_SMV}",
    "sources512": f"{CELL} -default_F 100 -N 10 -detpixels 512 -pixel 0.2 -dispersion 1 -dispsteps 50 {FLOAT_AND_SMV}",
}
