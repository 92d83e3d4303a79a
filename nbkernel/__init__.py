"""nbkernel: X-ray diffraction images of nanocrystals, with nanoBragg.c's numbers.

    import nbkernel

    experiment = nbkernel.Experiment(cell=(78, 78, 38, 90, 90, 90), default_F=100, Na=10, Nb=10, Nc=10, wavelength=1.0)
    image = nbkernel.simulate(experiment)

`simulate` renders an image, a `Simulator` many, a `Series` a data set in files, `compiled_rows` renders from a user's own
numba functions, `add_noise`, `detect` and `to_counts` convert photons to integer counts, `write_float`, `write_smv`,
`write_pgm`, `write_hdf5`, `write_labels` and `write_preview` write files; `label` tells what each pixel shows. Nothing is
printed: see the logger "nbkernel".
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # type checkers take it for typing's, whose import would take longer than everything else here
if TYPE_CHECKING:
    from nbkernel.experiment.experiment import Experiment as Experiment
    from nbkernel.experiment.in_memory.structure_factors import StructureFactors as StructureFactors
    from nbkernel.geometry.background import Material as Material
    from nbkernel.geometry.lattice import Lattice as Lattice
    from nbkernel.geometry.panels import Panel as Panel
    from nbkernel.geometry.response import Response as Response
    from nbkernel.image.counts import add_noise as add_noise
    from nbkernel.image.counts import to_counts as to_counts
    from nbkernel.image.labels import Labels as Labels
    from nbkernel.image.labels import label as label
    from nbkernel.image.panel_image import PanelImage as PanelImage
    from nbkernel.image.response.detect import detect as detect
    from nbkernel.image.statistics import Statistics as Statistics
    from nbkernel.io.picture.settings import PictureSettings as PictureSettings
    from nbkernel.run.compiled_rows import CompiledRows as CompiledRows
    from nbkernel.run.compiled_rows import compiled_rows as compiled_rows
    from nbkernel.run.series.series import Series as Series
    from nbkernel.run.simulate import Simulator as Simulator
    from nbkernel.run.simulate import simulate as simulate
    from nbkernel.run.writers import write_float as write_float
    from nbkernel.run.writers import write_hdf5 as write_hdf5
    from nbkernel.run.writers import write_labels as write_labels
    from nbkernel.run.writers import write_pgm as write_pgm
    from nbkernel.run.writers import write_preview as write_preview
    from nbkernel.run.writers import write_smv as write_smv

    from .errors import DeviceError as DeviceError
    from .errors import InputError as InputError

# name: the module that defines it; imported at first use, so that the command line starts without numpy
PUBLIC = {
    "CompiledRows": "run.compiled_rows",
    "DeviceError": "errors",
    "Experiment": "experiment.experiment",
    "InputError": "errors",
    "Labels": "image.labels",
    "Material": "geometry.background",
    "Lattice": "geometry.lattice",
    "Panel": "geometry.panels",
    "PanelImage": "image.panel_image",
    "PictureSettings": "io.picture.settings",
    "Response": "geometry.response",
    "Series": "run.series.series",
    "Simulator": "run.simulate",
    "Statistics": "image.statistics",
    "StructureFactors": "experiment.in_memory.structure_factors",
    "add_noise": "image.counts",
    "compiled_rows": "run.compiled_rows",
    "detect": "image.response.detect",
    "label": "image.labels",
    "simulate": "run.simulate",
    "to_counts": "image.counts",
    "write_float": "run.writers",
    "write_hdf5": "run.writers",
    "write_labels": "run.writers",
    "write_pgm": "run.writers",
    "write_preview": "run.writers",
    "write_smv": "run.writers",
}
__all__ = [*PUBLIC]  # noqa: PLE0604  the keys are strings


if not TYPE_CHECKING:  # with __getattr__ a type checker would accept any name

    def __getattr__(name):
        if name not in PUBLIC:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        value = globals()[name] = getattr(importlib.import_module(f".{PUBLIC[name]}", __name__), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC})
