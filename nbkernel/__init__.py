"""nbkernel: X-ray diffraction images of nanocrystals, with nanoBragg.c's numbers.

    import nbkernel

    experiment = nbkernel.Experiment(cell=(78, 78, 38, 90, 90, 90), default_F=100, Na=10, Nb=10, Nc=10, wavelength=1.0)
    image = nbkernel.simulate(experiment)

`simulate` renders, `add_noise` and `to_counts` make whole numbers of photons, `write_float`, `write_smv`, `write_pgm`, `write_hdf5`
and `write_preview` make files. Nothing is printed: see the logger "nbkernel".
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # as type checkers know it; importing typing takes longer than all else here
if TYPE_CHECKING:
    from .counts import add_noise as add_noise
    from .counts import to_counts as to_counts
    from .errors import DeviceError as DeviceError
    from .errors import InputError as InputError
    from .experiment import Experiment as Experiment
    from .panel_image import PanelImage as PanelImage
    from .panels import Panel as Panel
    from .picture.settings import PictureSettings as PictureSettings
    from .rendering import simulate as simulate
    from .statistics import Statistics as Statistics
    from .writers import write_float as write_float
    from .writers import write_hdf5 as write_hdf5
    from .writers import write_pgm as write_pgm
    from .writers import write_preview as write_preview
    from .writers import write_smv as write_smv

# name: the module that has it; imported when first asked for, so that the command line starts without numpy
PUBLIC = {
    "DeviceError": "errors",
    "Experiment": "experiment",
    "InputError": "errors",
    "Panel": "panels",
    "PanelImage": "panel_image",
    "PictureSettings": "picture.settings",
    "Statistics": "statistics",
    "add_noise": "counts",
    "simulate": "rendering",
    "to_counts": "counts",
    "write_float": "writers",
    "write_hdf5": "writers",
    "write_pgm": "writers",
    "write_preview": "writers",
    "write_smv": "writers",
}
__all__ = [*PUBLIC]


def __getattr__(name):
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = globals()[name] = getattr(importlib.import_module(f".{PUBLIC[name]}", __name__), name)
    return value


def __dir__():
    return sorted({*globals(), *PUBLIC})
