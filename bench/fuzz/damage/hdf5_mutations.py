"""Damage to the tree of an otherwise intact HDF5 file. Each is a function of (bytes, Draw) to bytes."""

import os
import tempfile

import h5py
import numpy as np

VALUES = (
    0, -1, 1, 2**31, 2**63 - 1, 0.5, float("nan"), float("inf"), -1e308, 1e200, True, "", "text", "\x1b[31mred",
    "/dev/zero", b"bytes\xff\x9b",
    "mm", "furlong", "eV", "NXentry", "NXdetector", [], [0.0], [1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [float("nan")] * 3,
    [[1.0, 0.0], [0.0, 1.0]],
    [1, 2], [-5, -7], ["a", "b"], ["\u202e", ""], 1 + 2j, np.float16(3), np.uint64(2**64 - 1), np.zeros((3, 4, 5)),
    np.ones((40, 30), ">i2"),
    np.zeros((2, 3), [("x", "f8"), ("y", "i4")]), np.bytes_(b"fixed"), [10**9, 10**9], 1e-320, "x" * 5000, "a\nb",
)  # fmt: skip

MOST_NUMBERS = 10**6


def changed(change):
    """A mutation of bytes made from a mutation of an open h5py.File."""

    def mutation(data, draw):
        handle, path = tempfile.mkstemp(suffix=".h5")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            try:
                with h5py.File(path, "r+") as file:
                    change(file, draw)
            except Exception:
                return data  # nothing of this kind in the file, or HDF5 or numpy do not allow it
            with open(path, "rb") as file:
                return file.read()
        finally:
            os.unlink(path)

    mutation.__name__ = change.__name__
    mutation.structural = True
    return mutation


def objects(file):
    names = []
    file.visit(names.append)
    return names


@changed
def delete_object(file, draw):
    del file[draw.choice(objects(file))]


@changed
def other_dataset(file, draw):
    name = draw.choice(objects(file))
    attributes = dict(file[name].attrs)
    del file[name]
    file[name] = draw.choice(VALUES)
    if draw.some(0.7):
        for key, value in attributes.items():
            file[name].attrs[key] = value


@changed
def other_attribute(file, draw):
    holder = file[draw.choice(["/", *objects(file)])]
    names = [*holder.attrs] or ["NX_class"]
    holder.attrs[
        draw.pick(draw.choice(names), "units", "NX_class", "vector", "depends_on", "offset", "transformation_type", "signal")
    ] = draw.choice(VALUES)


@changed
def delete_attribute(file, draw):
    names = [name for name in ["/", *objects(file)] if len(file[name].attrs)]
    holder = file[draw.choice(names)]
    del holder.attrs[draw.choice([*holder.attrs])]


@changed
def other_text(file, draw):
    """The name of an axis, a class or a unit of another object."""
    texts = [
        file[name][()] for name in objects(file) if isinstance(file[name], h5py.Dataset) and file[name].dtype.kind == "O"
    ]
    texts += [value for name in objects(file) for value in file[name].attrs.values() if isinstance(value, str)]
    holder = file[draw.choice([name for name in objects(file) if len(file[name].attrs)])]
    holder.attrs[draw.choice([*holder.attrs])] = draw.choice(texts)


@changed
def scaled_dataset(file, draw):
    """The same numbers in another type, order or magnitude."""
    datasets = {name: file[name] for name in objects(file) if isinstance(file[name], h5py.Dataset)}
    # not those that an earlier mutation made huge
    name = draw.choice(
        [name for name, dataset in datasets.items() if dataset.dtype.kind in "iuf" and (dataset.size or 0) < MOST_NUMBERS]
    )
    values, attributes = np.asarray(file[name][()]), dict(file[name].attrs)
    del file[name]
    with np.errstate(all="ignore"):
        file[name] = draw.pick(
            values.astype(">f4"), values.astype("i1"), values.astype("u8"), -values.astype(float), values * 1e300,
            values * 0, values.T,
            values[..., None], values.reshape(-1), np.stack([values] * 2), values.astype("S8"), values + np.nan,
        )  # fmt: skip
    for key, value in attributes.items():
        file[name].attrs[key] = value


@changed
def huge_dataset(file, draw):
    """Large by its shape, small in the file."""
    name = draw.choice([name for name in objects(file) if isinstance(file[name], h5py.Dataset)])
    shape = draw.pick((50000, 50000), (2**40,), (1, 100000, 100000), (3, 10**6, 10**6), (10**5, 10**5, 10**5))
    attributes = dict(file[name].attrs)
    del file[name]
    chunks = tuple(min(size, 500) for size in shape)
    file.create_dataset(
        name,
        shape,
        draw.pick("u1", "f8", "i4"),
        chunks=chunks,
        compression=draw.pick("gzip", None),
        fillvalue=draw.pick(0, 1),
    )
    for key, value in attributes.items():
        file[name].attrs[key] = value


@changed
def other_link(file, draw):
    """Links to nothing, to itself, to other files; and the same object under two names."""
    name = draw.choice(objects(file))
    link = draw.pick(
        h5py.SoftLink("/nowhere"), h5py.SoftLink(f"/{name}"), h5py.SoftLink("/"), h5py.ExternalLink("gone.h5",
        "/entry"),
        h5py.ExternalLink("input.h5", f"/{name}"), h5py.ExternalLink("/dev/zero", "/"), h5py.ExternalLink("pipe", "/"),
        h5py.ExternalLink("other.h5", "/data"), h5py.ExternalLink("../../../etc/passwd", "/"),
    )  # fmt: skip
    if draw.some(0.2):
        other = draw.choice(objects(file))
        holder = file[name] if isinstance(file[name], h5py.Group) else file
        holder["again"] = file[other]
        return
    del file[name]
    file[name] = link


@changed
def outside_storage(file, draw):
    """Raw data of a dataset in another file, or a dataset put together from other files."""
    name = draw.choice([name for name in objects(file) if isinstance(file[name], h5py.Dataset)])
    shape, attributes = file[name].shape or (3,), dict(file[name].attrs)
    del file[name]
    if draw.some(0.5):
        target = draw.pick("/etc/passwd", "pipe", "/dev/zero", "other.h5")
        file.create_dataset(name, shape, "u1", external=[(target, 0, h5py.h5f.UNLIMITED)])
    else:
        layout = h5py.VirtualLayout(shape, "f4")
        layout[...] = h5py.VirtualSource(
            draw.pick("other.h5", "/dev/zero", "pipe", "gone.h5", "input.h5"), draw.pick("data", name), shape
        )
        file.create_virtual_dataset(name, layout)
    for key, value in attributes.items():
        file[name].attrs[key] = value


@changed
def copied_group(file, draw):
    groups = [name for name in objects(file) if isinstance(file[name], h5py.Group)]
    file.copy(
        draw.choice(groups),
        file[draw.choice(groups)],
        name=draw.pick("copy", "entry2", "\u202ename", "a.b", "detector_z", "transformations"),
    )


STRUCTURAL = (
    delete_object, delete_object, other_dataset, other_dataset, other_dataset, other_attribute, other_attribute,
    delete_attribute, other_text,
    scaled_dataset, scaled_dataset, huge_dataset, other_link, outside_storage, copied_group,
)  # fmt: skip
