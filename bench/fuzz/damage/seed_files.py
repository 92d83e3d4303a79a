"""Small valid files of every kind that nbkernel reads, to be damaged."""

import io
import json
import os
from pathlib import Path

import numpy as np

from bench.fuzz.draw import Draw
from bench.fuzz.parity.command_inputs import write_image, write_inputs

CRYSTAL = "-cell 50 60 70 90 90 90 -default_F 100 -N 3".split()
DETECTOR = "-detpixels_f 13 -detpixels_s 11 -pixel 0.8".split()
BEAM = "-lambda 1 -oversample 1 -fluence 1e26 -seed 1 -noprogress -nointerpolate".split()
RUN = [*BEAM, "-distance", "100"]
PLAIN = [*CRYSTAL, *DETECTOR, *RUN]
OWN_FILES = "-floatfile good.bin -intfile good.img -pgmfile good.pgm -noisefile noise.img -dump good.dump".split()

SERIES_OF = """\
[crystal]
cell = [50, 60, 70, 90, 90, 90]
hkl = "small.hkl"
Na = 3
dump = false
[detector]
detpixels_f = 13
detpixels_s = 11
pixel = 0.8
distance = 100
[beam]
wavelength = 1.0
[sampling]
oversample = 1
"""
STILLS = f"""\
{SERIES_OF}[series]
images = 3
images_per_file = 2
seed = 7
photons = true
bits = 32
adc = 1.5
[vary]
orientation = "uniform"
fluence = {{ values = "shots.csv", column = "fluence" }}
wavelength = {{ normal = [1.0, 0.001] }}
polarization = {{ choice = [0.0, 0.5, 1.0] }}
crystals = {{ poisson = 1.2 }}
cell_scale = {{ lognormal = [1.0, 0.01] }}
Nb = {{ uniform = [2, 5] }}
"""
TURN = f"""\
{SERIES_OF}[series]
kind = "rotation"
images = 3
start = -1.0
width = 0.5
steps = 2
counts = false
name = "turn"
[vary]
fluence = {{ values = [1e26, 2e26, 1e27] }}
"""


def panel(number):
    return {
        "name": f"p{number}", "type": "SENSOR_PAD", "fast_axis": [1.0, 0.0, 0.0], "slow_axis": [0.0, -1.0, 0.0],
        "origin": [-5.0 + 6 * number, 4.0, -100.0], "raw_image_offset": [0, 0], "image_size": [7, 9],
        "pixel_size": [0.8, 0.8],
        "trusted_range": [0, 65535], "thickness": 0.45, "material": "Si", "mu": 4.0, "mask": [], "identifier": "",
        "gain": 1.0,
        "pedestal": 0.0, "px_mm_strategy": {"type": "ParallaxCorrectedPxMmStrategy"},
    }  # fmt: skip


HIERARCHY = {
    "name": "", "type": "", "fast_axis": [1, 0, 0], "slow_axis": [0, 1, 0], "origin": [0, 0, 0],
    "children": [{"panel": 0}, {"panel": 1}],
}  # fmt: skip
EXPT = {
    "__id__": "ExperimentList",
    "experiment": [{"__id__": "Experiment", "identifier": "", "beam": 0, "detector": 0, "goniometer": 0, "crystal": 0,
    "imageset": 0}],
    "imageset": [{"__id__": "ImageSet", "images": ["x.cbf"]}],
    "beam": [
        {
            "__id__": "monochromatic", "direction": [0, 0, 1.0], "wavelength": 0.9795, "polarization_normal": [0, 1, 0],
            "polarization_fraction": 0.999, "divergence": 0.0, "sigma_divergence": 0.0, "flux": 0.0,
            "transmission": 1.0,
        }
    ],
    "detector": [{"panels": [panel(0), panel(1)], "hierarchy": HIERARCHY}],
    "goniometer": [
        {
            "rotation_axis": [1, 0, 0], "fixed_rotation": [1, 0, 0, 0, 1, 0, 0, 0, 1], "setting_rotation": [1, 0, 0,
            0, 1, 0, 0, 0, 1],
        }
    ],
    "crystal": [
        {
            "__id__": "crystal", "real_space_a": [50.0, 3.0, 0.0], "real_space_b": [-3.0, 60.0, 1.0],
            "real_space_c": [0.0, 1.0, 70.0],
            "space_group_hall_symbol": " P 1",
        }
    ],
    "scan": [],
}  # fmt: skip
XPARM = """     1        0.0000    0.1000  0.999997 -0.001590 -0.001580
       0.979490       0.001099       0.000586       1.020939
  2463      2527    0.172000    0.172000
     200.000000    1231.500000    1263.500000
       1.000000       0.000000       0.000000
       0.000000       1.000000       0.000000
       0.000000       0.000000       1.000000
    96     78.5000     78.5000     37.2000  90.000  90.000  90.000
      40.121990      -50.122300       44.510000
      47.200000       60.500000       20.300000
     -20.000000       10.000000       25.000000
"""
GXPARM = """ XPARM.XDS    VERSION Jan 31, 2020
     1        0.0000    0.1000  0.999997 -0.001590 -0.001580
       0.979490       0.001099       0.000586       1.020939
    96     78.5000     78.5000     37.2000  90.000  90.000  90.000
      40.121990      -50.122300       44.510000
      47.200000       60.500000       20.300000
     -20.000000       10.000000       25.000000
         1      2463      2527    0.172000    0.172000
    1231.500000    1263.500000     200.000000
       1.000000       0.000000       0.000000
       0.000000       1.000000       0.000000
       0.000000       0.000000       1.000000
         1         1      2463         1      2527
    0.00    0.00    0.00  1.00000  0.00000  0.00000  0.00000  1.00000  0.00000
"""
C_TRACE = """TRACE_C: pix0_vector 0.1 0.02 -0.03
noise that is none of it
TRACE_C: omega_pixel = 1.5e-06
TRACE_C: hkl_frac 1.25 -0.5 3.75
TRACE_C: F_latt 12.5
TRACE_C: I_before_scaling 943654.80923755
"""


def make_seeds(folder):
    """Writes them into `folder`; {kind: [(file name, companions' names)]}."""
    from nbkernel.cli.main import main

    folder = Path(folder)
    write_inputs(folder)
    before = os.getcwd()
    os.chdir(folder)
    try:
        draw = Draw("seeds", 0)
        Path("small.hkl").write_text(
            "".join(f"{h} {k} {l} {10 + h * h}\n" for h in (-1, 0, 1) for k in (-1, 0, 1) for l in (-1, 0, 1))
        )
        np.save("table.npy", np.loadtxt("small.hkl"))
        Path("models.expt").write_text(json.dumps(EXPT))
        Path("XPARM.XDS").write_text(XPARM)
        Path("GXPARM.XDS").write_text(GXPARM)
        Path("c.trace").write_text(C_TRACE)
        commands = (
            ["simulate", *PLAIN, "-hkl", "small.hkl", *OWN_FILES, "--hdf5", "good.h5", "--save-config", "good.toml"],
            [
                "simulate",
                *CRYSTAL,
                *BEAM,
                "--panels",
                "models.expt",
                "--hdf5",
                "panels.h5",
                "--save-config",
                "panels.toml",
                "-dump",
                "no.dump",
            ],
        )
        for argv in commands:
            silently(main, argv)
        trace = ["trace", *PLAIN, "-dump", "none", "-osc", "1", "--pixel", "3", "4"]
        Path("good.trace").write_text(silently(main, trace))
        Path("all.trace").write_text(silently(main, [*trace, "--all-steps"]))
        Path("json.trace").write_text(silently(main, [*trace, "--json"]))
        write_smv_files(draw)
        write_tables_of_groups()
        write_eiger()
        Path("stills.toml").write_text(STILLS)
        Path("turn.toml").write_text(TURN)
        Path("water.stol").write_text("0 2.57\n0.1 2.6\n0.16 4.5\n0.25,3.1\n0.4 1.9\n0.8 0.5\n")
        Path("blocks.txt").write_text("1 0 0 0 1 0 0 0 1\n0.8 -0.6 0 0.6 0.8 0 0 0 1\n")
        Path("lattices.toml").write_text("[[lattices]]\nfraction = 0.5\n\n[[lattices]]\nmisset = [1, 2, 3]\nNa = 3\n")
        Path("shots.csv").write_text("shot,fluence\n1,1e26\n2,2e26\n3,3e26\n")
    finally:
        os.chdir(before)
    plain = {
        "smv": ["good.img", "noise.img", "mask.img", "header0.img", "int32.img", "big.img", "adsc.img"],
        "float": ["good.bin"],
        "pgm": ["good.pgm"],
        "hkl": ["small.hkl"],
        "dump": ["good.dump"],
        "matrix": ["a.mat", "axes.mat"],
        "xparm": ["XPARM.XDS", "GXPARM.XDS"],
        "sources": ["spectrum.src", "two.src"],
        "rotations": ["blocks.txt"],
        "lattices": ["lattices.toml"],
        "spectrum": ["pink.lam", "names.lam"],
        "stol": ["water.stol"],
        "toml": ["good.toml", "panels.toml"],
        "series": ["stills.toml", "turn.toml"],
        "json": ["models.expt"],
        "trace": ["good.trace", "all.trace", "c.trace"],
        "json trace": ["json.trace"],
        "hdf5": ["good.h5", "panels.h5"],
        "mtz": ["group.mtz", "pair.mtz"],
        "npy": ["table.npy"],
        "cif": ["group.cif", "pair.cif"],
    }
    seeds = {kind: [(name, ()) for name in names] for kind, names in plain.items()}
    seeds["hdf5"].append(("master.h5", ("data_000001.h5",)))
    return seeds


def silently(main, argv):
    """Standard output of a run that must succeed."""
    import contextlib

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()) as err:
        status = main(argv)
    if status != 0:
        raise RuntimeError(f"nbkernel {' '.join(argv)}: {err.getvalue()}")
    return out.getvalue()


def write_smv_files(draw):
    """Further dialects: 32 bits, the other byte order, a vendor's blanks and order of keywords."""
    pixels = np.array([[draw.randrange(60000) for _ in range(13)] for _ in range(11)])
    sizes = "SIZE1=13;\nSIZE2=11;\nPIXEL_SIZE=0.8;\nDISTANCE=100;\nWAVELENGTH=1;\n"
    Path("int32.img").write_bytes(
        smv(f"Data_type=long int;\nDIM=2;\nBYTE_ORDER=little_endian;\nTYPE=long_integer;\n{sizes}", pixels, "<i4")
    )
    Path("big.img").write_bytes(smv(f"DIM=2;\nBYTE_ORDER=big_endian;\nTYPE=unsigned_short;\n{sizes}", pixels, ">u2"))
    adsc = "DIM= 2 ;\nBYTE_ORDER = little_endian;\nTYPE=unsigned_short;\nBIN=none;\nSIZE1 = 13 ;\nSIZE2= 11;\n"
    adsc += "PIXEL_SIZE=0.8;\nDATE=Mon;\nBEAM_CENTER_X=5.2;\nBEAM_CENTER_Y=4.4;\n"
    adsc += "OSC_START=0.000;\nOSC_RANGE=1.000;\nPHI=0.000;\nDISTANCE=100.000;\nWAVELENGTH=1.0;\n"
    Path("adsc.img").write_bytes(smv(adsc, pixels, "<u2"))
    write_image(Path("mask.img"), draw, "")


def smv(header, pixels, kind):
    return f"{{\nHEADER_BYTES=512;\n{header}}}\n\f\n".encode().ljust(512) + pixels.astype(kind).tobytes()


def write_tables_of_groups():
    """MTZ and mmCIF of a few unique reflections in P 21 21 21."""
    import gemmi

    indices = [(h, k, l) for h in range(4) for k in range(4) for l in range(4) if h + k + l]
    columns = {
        "group": {"F": "F", "SIGF": "Q", "FreeR_flag": "I"},
        "pair": {"F(+)": "G", "SIGF(+)": "L", "F(-)": "G", "SIGF(-)": "L"},
    }
    names = {"F": "F_meas_au", "SIGF": "F_meas_sigma_au", "FreeR_flag": "status"}
    names |= {
        "F(+)": "pdbx_F_plus",
        "SIGF(+)": "pdbx_F_plus_sigma",
        "F(-)": "pdbx_F_minus",
        "SIGF(-)": "pdbx_F_minus_sigma",
    }
    for name, kinds in columns.items():
        values = np.array([[10.0 + h + 2 * k + 3 * l + n for n in range(len(kinds))] for h, k, l in indices], np.float32)
        mtz = gemmi.Mtz(with_base=True)
        mtz.spacegroup = gemmi.SpaceGroup("P 21 21 21")
        mtz.set_cell_for_all(gemmi.UnitCell(25, 31, 36, 90, 90, 90))
        mtz.add_dataset("data")
        for label, kind in kinds.items():
            mtz.add_column(label, kind)
        mtz.set_data(np.column_stack([np.array(indices, np.float32), values]))
        mtz.write_to_file(f"{name}.mtz")
        lines = ["data_x", "_cell.length_a 25", "_cell.length_b 31", "_cell.length_c 36"]
        lines += [f"_cell.angle_{angle} 90" for angle in ("alpha", "beta", "gamma")]
        lines += [
            "_symmetry.space_group_name_H-M 'P 21 21 21'",
            "_symmetry.Int_Tables_number 19",
            "loop_",
            "_symmetry_equiv.pos_as_xyz",
        ]
        lines += [f"'{text}'" for text in ("x,y,z", "-x+1/2,-y,z+1/2", "-x,y+1/2,-z+1/2", "x+1/2,-y+1/2,-z")]
        lines += [
            "loop_",
            *(f"_refln.index_{index}" for index in "hkl"),
            *(f"_refln.{names[label]}" for label in kinds),
        ]
        lines += [
            " ".join([*map(str, index), *(f"{value:g}" for value in row)])
            for index, row in zip(indices, values, strict=True)
        ]
        Path(f"{name}.cif").write_text("\n".join(lines) + "\n")


def write_eiger():
    """A master file with its images in another, as detectors write them."""
    import h5py

    with h5py.File("data_000001.h5", "w") as file:
        file["entry/data/data"] = np.arange(143, dtype=np.uint16).reshape(1, 11, 13)
    with h5py.File("master.h5", "w") as file:

        def group(name, kind):
            file.create_group(name).attrs["NX_class"] = kind
            return file[name]

        group("entry", "NXentry")["definition"] = "NXmx"
        data = group("entry/data", "NXdata")
        data["data_000001"] = h5py.ExternalLink("data_000001.h5", "/entry/data/data")
        data.attrs["signal"] = "data_000001"
        instrument = group("entry/instrument", "NXinstrument")
        group("entry/instrument/beam", "NXbeam")["incident_wavelength"] = 0.98
        file["entry/instrument/beam/incident_wavelength"].attrs["units"] = "angstrom"
        detector = group("entry/instrument/detector", "NXdetector")
        for name, value, units in (
            ("beam_center_x", 6.5, "pixel"), ("beam_center_y", 5.5, "pixel"), ("detector_distance", 0.1, "m"),
            ("x_pixel_size", 8e-4, "m"),
            ("y_pixel_size", 8e-4, "m"), ("sensor_thickness", 4.5e-4, "m"), ("count_time", 0.1, "s"),
        ):  # fmt: skip
            detector[name] = value
            detector[name].attrs["units"] = units
        detector["sensor_material"] = "Si"
        specific = group("entry/instrument/detector/detectorSpecific", "NXcollection")
        specific["x_pixels_in_detector"], specific["y_pixels_in_detector"] = 13, 11
        specific["saturation_value"] = 60000
        module = group("entry/instrument/detector/module", "NXdetector_module")
        module["data_origin"], module["data_size"] = [0, 0], [11, 13]
        for name, vector in (("fast_pixel_direction", [-1.0, 0, 0]), ("slow_pixel_direction", [0, -1.0, 0])):
            module[name] = 8e-4
            attributes = {"units": "m", "transformation_type": "translation", "vector": vector, "offset": [0.0, 0, 0]}
            module[name].attrs.update(attributes | {"depends_on": "/entry/instrument/detector/transformations/translation"})
        transformations = group("entry/instrument/detector/transformations", "NXtransformations")
        transformations["translation"] = 0.1
        attributes = {"units": "m", "transformation_type": "translation", "vector": [0.0, 0, 1.0], "depends_on": "."}
        transformations["translation"].attrs.update(attributes | {"offset": [5.2e-3, 4.4e-3, 0]})
        detector["depends_on"] = "/entry/instrument/detector/transformations/translation"
        instrument["name"] = "made up"
