"""The package under a user's type checker: correct calls pass, wrong ones do not."""

import importlib.util
import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import nbkernel

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
CORRECT = """
from pathlib import Path

import numpy as np

import nbkernel

experiment = nbkernel.Experiment(
    cell=[50, 60, 70, 90, 90, 90], misset=np.array([10.0, 20.0, 30.0]), mat=np.eye(3), hkl=Path("a.hkl"), roi=[0, 9, 0, 9],
    fix="all", wavelength=1, default_F=100, Na=3, distance=np.float64(100), spindle_axis=(0, 0, 1), dump=None,
)
several = nbkernel.Experiment(
    cell=(50, 60, 70), fix=["phi0", "cell"], misset="random",
    panels=[nbkernel.Panel([0.1, 0, 0], (0, 0, 1), np.array([0, -1, 0]), 100, 100, pixel=0.1, name="left")],
)
held = nbkernel.Experiment(
    hkl=(np.eye(3), [1.0, 2, 3]), sources=[[-1, 0, 0, 1, 1e-10]], mask=np.ones((9, 9), bool), wavelength=1,
)
held = nbkernel.Experiment(hkl=nbkernel.StructureFactors.read(Path("a.mtz"), "FC"), sources=(np.eye(3), 1, np.ones(3)))
held = nbkernel.Experiment.from_dials("refined.expt", 1, hkl=nbkernel.StructureFactors.from_arrays([[1, 2, 3]], [4.5]), Na=3)
image = nbkernel.simulate(experiment, device="cpu", fix={"phi0"}, tile=[16, 16], threads=1, progress=True)
brightest: float = image.statistics.max_I
distance: float = image.detector.distance
for panel in nbkernel.simulate(several, progress=lambda done, total: print(done / total)):
    print(panel.statistics.mean)
noisy: nbkernel.PanelImage = nbkernel.add_noise(image, seed=7, rng="philox", bits=16)
seed: int = noisy.noise["seed"]
nbkernel.write_hdf5(Path("image.h5"), image, counts=noisy)
nbkernel.write_float("float.bin", image * 2)
nbkernel.write_smv("image.img", nbkernel.to_counts([image]), style="dials")
nbkernel.write_preview("image.png", image, rings=[5, 2.5], roi=[0, 9, 0, 9], zoom=(1, 2))
pictures = nbkernel.PictureSettings(rings="auto", percentiles=[80, 99])
try:
    nbkernel.Experiment.from_command_line("-cell 50 60 70", fix=["phi0"]).to_toml(Path("a.toml"))
except nbkernel.DeviceError as error:
    print(error)
"""
WRONG = """
import nbkernel

experiment = nbkernel.Experiment(cel=(50, 60, 70))  # call-arg
experiment = nbkernel.Experiment(cell="50 60 70")  # arg-type
experiment = nbkernel.Experiment(oversample=1.5)  # arg-type
experiment = nbkernel.Experiment(roi=1)  # arg-type
experiment = nbkernel.Experiment(hkl=3)  # arg-type
experiment = nbkernel.Experiment(sources=1e-10)  # arg-type
experiment.wavelength = 2.0  # misc
nbkernel.simulate(experiment, precison="exact")  # call-arg
nbkernel.simulate(experiment, threads="all")  # arg-type
nbkernel.simulate(experiment).statistcs  # union-attr
nbkernel.simulate(experiment).statistics.maximum  # union-attr
nbkernel.write_float(experiment, "float.bin")  # arg-type
nbkernel.Panel((0, 0, 0))  # call-arg
nbkernel.simulat(experiment)  # attr-defined
"""


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    """mypy's errors, {file: [(line, code)]}, without this repository's configuration."""
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("needs mypy")
    folder = tmp_path_factory.mktemp("types")
    (folder / "correct.py").write_text(CORRECT)
    (folder / "wrong.py").write_text(WRONG)
    for page in ("README.md", "docs/python.md"):
        blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
        (folder / f"{Path(page).stem}.py").write_text("\n".join(blocks))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "", "--cache-dir", "cache", "--no-error-summary", "."],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == ""
    found = {"correct.py": [], "wrong.py": [], "README.py": [], "python.py": []}
    for line in done.stdout.splitlines():
        if match := re.fullmatch(r"([^:]+):(\d+): error: .*\[([\w-]+)\]", line):
            found[match[1]].append((int(match[2]), match[3]))
    return found


def test_correct_calls_pass(messages):
    assert messages["correct.py"] == []


def test_each_wrong_call_is_the_expected_error(messages):
    marked = [(number, line.split("  # ")[1]) for number, line in enumerate(WRONG.splitlines(), 1) if "  # " in line]
    assert sorted({*messages["wrong.py"]}) == marked


def test_the_examples_of_the_documentation_pass(messages):
    assert messages["README.py"] == []
    assert [text for _, text in messages["python.py"]] == ["arg-type"]  # Experiment(wavelength="red")


def test_every_public_function_is_annotated():
    functions = {name: value for name in nbkernel.__all__ if inspect.isfunction(value := getattr(nbkernel, name))}
    for kind in (nbkernel.Experiment, nbkernel.Statistics, nbkernel.PictureSettings):
        methods = inspect.getmembers(kind, lambda member: inspect.isfunction(member) or inspect.ismethod(member))
        functions |= {f"{kind.__name__}.{name}": method for name, method in methods if not name.startswith("_")}
    for name, function in functions.items():
        hints = typing.get_type_hints(getattr(function, "__func__", function))
        expected = {*inspect.signature(function).parameters, "return"} - {"self"}
        assert expected <= {*hints}, f"{name}: {expected - {*hints}} has no type"
