"""Series: specifications, and what is drawn from them."""

import math
import os
import re
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

import nbkernel
from nbkernel.cli.main import main
from nbkernel.run.series import draws
from nbkernel.run.series.frame import misset_of
from nbkernel.run.series.specification import digest_of, read_specification, specification_of, specification_text

from api_runs import SPEC, TABLES, write_spec


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def specified(images=1, seed=7, **vary):
    return specification_of("here", {"series": {"images": images, "seed": seed}, "vary": vary, **TABLES})


def drawn(name, distribution, images=4000, **more):
    specification = specified(images, **{name: distribution}, **more)
    return np.array([draws.draw(specification, name, image) for image in range(images)])


def test_normal_has_its_mean_and_deviation():
    found = drawn("wavelength", {"normal": [1.0, 0.01]})
    assert abs(found.mean() - 1.0) < 5 * 0.01 / math.sqrt(found.size)
    assert abs(found.std() / 0.01 - 1.0) < 5 / math.sqrt(2 * found.size)
    below = [(found < NormalDist(1.0, 0.01).inv_cdf(p)).mean() for p in (0.05, 0.5, 0.95)]
    np.testing.assert_allclose(below, (0.05, 0.5, 0.95), atol=0.03)


def test_lognormal_has_its_median_and_deviation():
    found = np.log(drawn("fluence", {"lognormal": [1e12, 0.3]}))
    assert abs(found.mean() - math.log(1e12)) < 5 * 0.3 / math.sqrt(found.size)
    assert abs(found.std() / 0.3 - 1.0) < 5 / math.sqrt(2 * found.size)


def test_uniform_is_flat_between_its_ends():
    found = drawn("distance", {"uniform": [90.0, 110.0]})
    assert 90.0 < found.min() < 90.1 and 109.9 < found.max() < 110.0
    assert np.abs(np.histogram(found, 10, (90, 110))[0] - 400).max() < 5 * math.sqrt(360)


def test_uniform_whole_numbers_include_both_ends():
    found = drawn("Na", {"uniform": [3, 6]})
    numbers, counts = np.unique(found, return_counts=True)
    assert numbers.tolist() == [3, 4, 5, 6] and found.dtype.kind == "i"
    assert np.abs(counts - 1000).max() < 5 * math.sqrt(750)


@pytest.mark.parametrize("mean", [0.0, 0.3, 1.2, 40.0])
def test_poisson_has_its_probabilities(mean):
    found = drawn("crystals", {"poisson": mean})
    for count in range(int(mean) + 4):
        p = math.exp(-mean) * mean**count / math.factorial(count)
        assert abs((found == count).mean() - p) <= 5 * math.sqrt(p * (1 - p) / found.size)


def test_choice_takes_each_value_equally_often():
    found = drawn("xtal_shape", {"choice": ["gauss", "round"]})
    assert abs((found == "gauss").mean() - 0.5) < 5 * 0.5 / math.sqrt(found.size)


def test_uniform_orientations_have_no_preferred_direction():
    """On SO(3) each element has mean 0 and variance 1/3, and the trace mean 0 and variance 1."""
    specification = specified(3000, orientation="uniform")
    found = np.array([draws.orientation(specification, image, 0) for image in range(3000)]).reshape(-1, 3, 3)
    np.testing.assert_allclose(found @ found.transpose(0, 2, 1), np.broadcast_to(np.eye(3), found.shape), atol=1e-14)
    np.testing.assert_allclose(np.linalg.det(found), 1.0, atol=1e-14)
    assert np.abs(found.mean(axis=0)).max() < 5 / math.sqrt(3 * 3000)
    assert np.abs((found**2).mean(axis=0) - 1 / 3).max() < 0.03
    traces = np.trace(found, axis1=1, axis2=2)
    assert abs(traces.mean()) < 5 / math.sqrt(3000) and abs(traces.var() - 1.0) < 0.1


def test_missetting_angles_are_those_of_the_rotation():
    """The reciprocal axes of a crystal that is misset, then turned."""
    from nbkernel.setup.prepare import prepare

    turn = np.array(draws.orientation(specified(orientation="uniform"), 0, 0)).reshape(3, 3)
    base = nbkernel.Experiment(
        cell=(50, 60, 70, 80, 95, 100), misset=(10, 20, 30), default_F=1, wavelength=1, distance=100, detpixels_f=2,
        detpixels_s=2, dump=None,
    )  # fmt: skip
    turned = nbkernel.Experiment(
        cell=(50, 60, 70, 80, 95, 100), misset=misset_of(turn.ravel(), base.misset), default_F=1, wavelength=1, distance=100,
        detpixels_f=2, detpixels_s=2, dump=None,
    )  # fmt: skip
    before, after = (prepare(experiment, 1).crystal for experiment in (base, turned))
    for axis in ("a_star", "b_star", "c_star"):
        np.testing.assert_allclose(getattr(after, axis), turn @ getattr(before, axis), atol=1e-16)


def test_a_draw_depends_on_seed_image_and_name_alone():
    alone = specified(5, fluence={"normal": [1e28, 1e26]}, crystals={"choice": [3]}, orientation="uniform")
    beside = specified(
        9, wavelength={"normal": [1, 0.1]}, fluence={"normal": [1e28, 1e26]}, crystals={"choice": [3]}, orientation="uniform"
    )
    one, other = draws.draws_of(alone, 4), draws.draws_of(beside, 4)
    assert one["fluence"] == other["fluence"] and one["crystals"] == other["crystals"]
    assert len({lattice["orientation"] for lattice in one["crystals"]}) == 3
    assert draws.draws_of(alone, 3)["fluence"] != one["fluence"]
    again = specified(5, seed=8, fluence={"normal": [1e28, 1e26]})
    assert draws.draws_of(again, 4)["fluence"] != one["fluence"]


def test_philox_words_are_numpys():
    """The bit stream, as an integer of two words, from numpy's generator itself."""
    (found,) = draws.uniforms(7, "", 4, 2, 1)
    word = np.random.Generator(np.random.Philox(key=7, counter=np.array([0, 2, 4, draws.word_of("")], np.uint64))).integers(
        2**64, dtype=np.uint64
    )
    assert found == (int(word >> np.uint64(12)) + 0.5) * 2.0**-52


def test_values_are_those_of_the_column():
    Path("beam.csv").write_text("shot,energy\n1,1e28\n2,2e28\n3,3e28\n")
    write_spec("spec.toml", SPEC.replace("images = 5", "images = 3"), fluence='{ values = "beam.csv", column = "energy" }')
    specification = read_specification("spec.toml")
    assert [draws.draws_of(specification, image)["fluence"] for image in range(3)] == [1e28, 2e28, 3e28]


def test_matrices_are_taken_one_by_one():
    matrices = np.array([draws.orientation(specified(orientation="uniform", seed=seed), 0, 0) for seed in range(3)])
    np.savetxt("turns.txt", matrices)
    for stated in ("turns.txt", matrices, matrices.reshape(3, 3, 3), matrices.tolist()):
        specification = specified(3, orientation=stated)
        assert [draws.orientation(specification, image, 0) for image in range(3)] == [
            tuple(row) for row in matrices.tolist()
        ]


def test_a_random_misset_has_a_seed_of_its_own_in_each_image():
    content = {**TABLES, "crystal": {**TABLES["crystal"], "misset": "random"}, "series": {"images": 3}}
    specification = specification_of("here", content)
    seeds = [draws.draws_of(specification, image)["crystals"][0]["misset_seed"] for image in range(3)]
    assert len(set(seeds)) == 3 and seeds == [
        draws.draws_of(specification, image)["crystals"][0]["misset_seed"] for image in range(3)
    ]


def test_toml_gives_the_same_specification_again():
    Path("beam.csv").write_text("fluence\n1e28\n2e28\n3e28\n4e28\n5e28\n")
    more = dict(
        fluence='{ values = "beam.csv" }', wavelength="{ normal = [1.0, 0.01] }", crystals="{ poisson = 1.2 }",
        xtal_shape='{ choice = ["gauss", "round"] }', Na="{ uniform = [3, 6] }",
    )  # fmt: skip
    write_spec("spec.toml", SPEC, **more)
    one = read_specification("spec.toml")
    Path("other").mkdir()
    Path("other/again.toml").write_text(specification_text(one, "other/again.toml"))
    again = read_specification("other/again.toml")
    assert again == one and digest_of(again) == digest_of(one)
    write_spec("changed.toml", SPEC.replace("seed = 7", "seed = 8"), **more)
    assert digest_of(read_specification("changed.toml")) != digest_of(one)


def test_the_digest_is_of_what_files_contain():
    Path("a.hkl").write_text("1 0 0 5\n")
    text = SPEC.replace("default_F = 100", 'hkl = "a.hkl"')
    write_spec("spec.toml", text)
    before = digest_of(read_specification("spec.toml"))
    Path("b.hkl").write_text("1 0 0 5\n")
    write_spec("spec.toml", text.replace("a.hkl", "b.hkl"))
    assert digest_of(read_specification("spec.toml")) == before
    Path("b.hkl").write_text("1 0 0 6\n")
    assert digest_of(read_specification("spec.toml")) != before


BAD = {
    "no images": (SPEC.replace("images = 5\n", ""), {}, "[series] lacks images"),
    "unknown key": (SPEC.replace("seed", "sede"), {}, "[series] has no sede; did you mean seed?"),
    "unknown kind": (SPEC + 'kind = "movie"\n', {}, "[series] kind: needs stills or rotation"),
    "unknown table": (SPEC + "[crystall]\n", {}, "there is no [crystall]"),
    "unknown field": (SPEC, {"fluense": "{ normal = [1, 1] }"}, "[vary] fluense: is not known; did you mean fluence?"),
    "field of the shape": (SPEC, {"detpixels_f": "{ uniform = [1, 9] }"}, "[vary] detpixels_f: cannot vary"),
    "no single value": (SPEC, {"cell": "{ choice = [1, 2] }"}, "[vary] cell: cannot vary; did you mean cell_scale?"),
    "no distribution": (SPEC, {"fluence": "1e28"}, "[vary] fluence: needs a distribution such as"),
    "unknown distribution": (SPEC, {"fluence": "{ gauss = [1, 1] }"}, "there is no distribution 'gauss'"),
    "two distributions": (SPEC, {"fluence": "{ normal = [1, 1], choice = [1] }"}, "not normal and choice"),
    "negative deviation": (SPEC, {"fluence": "{ normal = [1e28, -1] }"}, "standard deviation of at least 0, not -1"),
    "three numbers": (SPEC, {"fluence": "{ normal = [1, 2, 3] }"}, "normal needs 2 numbers"),
    "median of 0": (SPEC, {"fluence": "{ lognormal = [0, 1] }"}, "median greater than 0, not 0"),
    "ends swapped": (SPEC, {"distance": "{ uniform = [110, 90] }"}, "lowest value first"),
    "not a number": (SPEC, {"fluence": '{ normal = ["x", 1] }'}, "needs a finite number, not 'x'"),
    "infinite": (SPEC, {"fluence": "{ normal = [inf, 1] }"}, "needs a finite number, not inf"),
    "fractions of cells": (SPEC, {"Na": "{ choice = [2.5] }"}, "needs whole numbers, not 2.5"),
    "impossible mean": (SPEC, {"wavelength": "{ normal = [-1, 0.1] }"}, "-1 is impossible; need a value greater than 0"),
    "impossible tail": (SPEC, {"wavelength": "{ normal = [1, 10] }"}, "[vary] wavelength: image "),
    "negative Poisson": (SPEC, {"crystals": "{ poisson = -1 }"}, "poisson needs a mean from 0 to 500, not -1"),
    "normal crystals": (SPEC, {"crystals": "{ normal = [1, 1] }"}, "is a number of lattices"),
    "no choice": (SPEC, {"fluence": "{ choice = [] }"}, "choice needs at least one value"),
    "too few values": (SPEC, {"fluence": "{ values = [1e28, 2e28] }"}, "has 2 values, but there are 5 images"),
    "column too short": (SPEC, {"fluence": '{ values = "short.csv" }'}, "has 2 values, but there are 5 images"),
    "no column": (SPEC, {"fluence": '{ values = "short.csv", column = "flux" }'}, "short.csv has no column 'flux'"),
    "no CSV file": (SPEC, {"fluence": '{ values = "none.csv" }'}, "there is no file none.csv"),
    "not a rotation": (SPEC, {"orientation": "[[1, 0, 0, 0, 1, 0, 0, 0, 2]]"}, "has 1 values, but there are 5 images"),
    "mirror": (SPEC.replace("images = 5", "images = 1"), {"orientation": "[[1, 0, 0, 0, 1, 0, 0, 0, -1]]"}, "matrix 0 is not a rotation"),
    "unknown orientation": (SPEC, {"orientation": "3"}, 'needs "uniform", or a rotation matrix'),
    "flux beside fluence": (SPEC.replace("fluence = 1e28", "flux = 1e12"), {"fluence": "{ choice = [1e28] }"}, "beside flux"),
    "no width": (SPEC + 'kind = "rotation"\n', {}, "[series] width: needs the angle of each image"),
    "start of stills": (SPEC + "start = 1.0\n", {}, '[series] start: is for kind = "rotation"'),
    "two crystals on a spindle": (SPEC + 'kind = "rotation"\nwidth = 0.1\n', {"crystals": "{ poisson = 1 }"}, "a rotation has one crystal"),
    "bits": (SPEC + "bits = 8\n", {}, "bits: needs 16 or 32, not 8"),
    "name of a folder": (SPEC + 'name = "../x"\n', {}, "name: needs the beginning of file names"),
    "no cell": (SPEC.replace("cell = [50, 60, 70, 90, 90, 90]", ""), {}, "no unit cell"),
    "absurd in the third image": (SPEC, {"oversample": "{ values = [1, 1, 20000, 1, 1] }"}, "20000 sub-pixels per edge is absurd"),
    "not TOML": ("[series\n", {}, "is not a TOML file"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_specification_is_one_line_and_nothing_is_touched(case, folder, capsys):
    text, vary, message = BAD[case]
    Path("short.csv").write_text("fluence\n1e28\n2e28\n")
    write_spec("spec.toml", text, **vary)
    before = sorted(path.name for path in folder.iterdir())
    assert main(["series", "spec.toml", "--output", "out", "--device", "cpu"]) == 2
    out, err = capsys.readouterr()
    assert message in err and err.count("\n") == 1 and err.startswith("nbkernel: ") and out == ""
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize(
    "options, message",
    [
        ([], "--output: give the folder"),
        (["--output", "out", "--shard", "3/2"], "--shard: there is no shard 3 of 2"),
        (["--output", "out", "--shard", "0/2"], "--shard: there is no shard 0 of 2"),
        (["--output", "out", "--shard", "half"], "--shard: needs I/N"),
        (["--output", "out", "--shard", "slurm"], "--shard: slurm needs SLURM_ARRAY_TASK_ID"),
        (["--output", "out", "--images", "5"], "--images: needs images from 0 to 4"),
        (["--output", "out", "--images", "3:3"], "--images: needs images from 0 to 4"),
        (["--output", "out", "--images", "x"], "--images: needs a number, or A:B"),
        (["--output", "out", "--images", "1", "--shard", "1/2"], "leave out --shard"),
        (["--output", "out", "--resume"], "--output: out has no series to go on with"),
        (["--output", "spec.toml"], "spec.toml"),
        (["--output", "out", "more.toml"], "series: needs the files SPEC.toml, got 2"),
    ],
)
def test_bad_options_are_one_line_and_nothing_is_touched(options, message, folder, capsys, monkeypatch):
    for name in ("SLURM_ARRAY_TASK_ID", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    write_spec("spec.toml", SPEC)
    before = Path("spec.toml").read_text()
    assert main(["series", "spec.toml", "--device", "cpu", *options]) == 2
    out, err = capsys.readouterr()
    assert message in err and err.count("\n") == 1 and out == ""
    assert [path.name for path in folder.iterdir()] == ["spec.toml"] and Path("spec.toml").read_text() == before


SLURM = {
    "array from 5": ("ARRAY_TASK_ID=7 ARRAY_TASK_MIN=5 ARRAY_TASK_COUNT=4", (3, 4)),
    "array from 0": ("ARRAY_TASK_ID=3 ARRAY_TASK_MIN=0 ARRAY_TASK_COUNT=4 ARRAY_TASK_STEP=1 PROCID=0 NTASKS=1", (4, 4)),
    "array from 1": ("ARRAY_TASK_ID=1 ARRAY_TASK_MIN=1 ARRAY_TASK_COUNT=4", (1, 4)),
    "array in steps": ("ARRAY_TASK_ID=21 ARRAY_TASK_MIN=1 ARRAY_TASK_STEP=10 ARRAY_TASK_COUNT=3", (3, 3)),
    "tasks": ("PROCID=0 NTASKS=2", (1, 2)),
    "tasks in an array": ("ARRAY_TASK_ID=2 ARRAY_TASK_MIN=1 ARRAY_TASK_COUNT=3 PROCID=1 NTASKS=4 STEP_NUM_TASKS=4", (6, 12)),
    "array with a gap": ("ARRAY_TASK_ID=7 ARRAY_TASK_MIN=1 ARRAY_TASK_COUNT=3", "ID 7 is not one of 3 from 1 in steps of 1; need an array"),
    "between steps": ("ARRAY_TASK_ID=3 ARRAY_TASK_MIN=1 ARRAY_TASK_STEP=4 ARRAY_TASK_COUNT=3", "ID 3 is not one of 3 from 1 in steps of 4"),
    "no count": ("ARRAY_TASK_ID=3", "SLURM_ARRAY_TASK_COUNT is ''; need a whole number, or I/N"),
    "no number": ("PROCID=x NTASKS=4", "SLURM_PROCID is 'x'; need a whole number"),
    "task beyond": ("PROCID=4 NTASKS=4", "there is no shard 5 of 4"),
    "no tasks": ("PROCID=0", "slurm needs SLURM_ARRAY_TASK_ID and _COUNT, or SLURM_PROCID and SLURM_NTASKS"),
}  # fmt: skip


@pytest.mark.parametrize("case", SLURM)
def test_shards_of_slurm(case, monkeypatch):
    from nbkernel.cli.arguments.readers import shard

    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)
    variables, expected = SLURM[case]
    for pair in variables.split():
        name, value = pair.split("=")
        monkeypatch.setenv(f"SLURM_{name}", value)
    if isinstance(expected, tuple):
        assert shard("--shard", "slurm") == expected
    else:
        with pytest.raises(nbkernel.InputError, match=f"^--shard: .*{re.escape(expected)}"):
            shard("--shard", "slurm")


def test_dry_run_prints_the_draws_and_makes_nothing(folder, capsys):
    write_spec("spec.toml", SPEC, wavelength="{ normal = [1.0, 0.01] }", orientation='"uniform"')
    assert main(["series", "spec.toml", "--dry-run"]) == 0
    first, *rows = capsys.readouterr().out.splitlines()
    assert first.split(",")[:3] == ["image", "wavelength", "orientation_11"] and len(rows) == 5
    with nbkernel.Series("spec.toml", device="cpu") as series:
        assert [float(row.split(",")[1]) for row in rows] == [series.draws(image)["wavelength"] for image in range(5)]
    assert main(["series", "spec.toml", "--dry-run", "--images", "2:4"]) == 0
    assert capsys.readouterr().out.splitlines() == [first, *rows[2:4]]
    assert [path.name for path in folder.iterdir()] == ["spec.toml"]


@pytest.mark.parametrize("used", [False, True])
def test_a_closed_series_makes_no_images(used, folder):
    write_spec("spec.toml", SPEC)
    with nbkernel.Series("spec.toml", device="cpu") as series:
        if used:
            series.photons(0)
    with pytest.raises(nbkernel.InputError, match="^Series: is closed; make a new one$"):
        series.image(0)
