"""Tables of images as CSV: one row for each image."""

import csv
import io

import numpy as np

CELL = ("a", "b", "c", "alpha", "beta", "gamma")
AXES = ("x", "y", "z")
TABLE = "crystals/"  # of lattices, where their number varies


def table_text(parts):
    """A CSV file of the truth, a row for each image. parts: columns of images that follow each other, {name: values}.

    Values of several numbers have a column for each; of several lattices those of the first are crystal1_..., and so on.
    """
    return csv_text([row for columns in parts for row in flat_rows(columns)])


def csv_text(rows):
    """CSV: the names, then the values {name: value} of each row. A row may lack the last names of others."""
    text, names = io.StringIO(), max((list(row) for row in rows), key=len)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([[shown(row[name]) if name in row else "" for name in names] for row in rows])
    return text.getvalue()


def shown(value):
    """A value with all its digits."""
    return str(value.item() if isinstance(value, np.generic) else value)


def flat_rows(columns):
    """{name: single value} for each image of columns."""
    own = {name: values for name, values in columns.items() if not name.startswith(TABLE)}
    lattices = {name.removeprefix(TABLE): values for name, values in columns.items() if name.startswith(TABLE)}
    owners = np.asarray(lattices.pop("image", ()))
    for number, image in enumerate(own["image"]):
        row = flat({name: values[number] for name, values in own.items()})
        for count, place in enumerate(np.flatnonzero(owners == image), 1):
            of_lattice = flat({name: values[place] for name, values in lattices.items()})
            row |= {f"crystal{count}_{name}": value for name, value in of_lattice.items()}
        yield row


def flat(row):
    """{name: single value}: those of a matrix are called name_11 to name_33, of a cell name_a ... name_gamma, of three
    numbers name_x, name_y, name_z."""
    found = {}
    for name, value in row.items():
        shape = np.shape(value)
        if shape in ((3, 3), (9,)):
            values = np.reshape(value, 9)
            found |= {f"{name}_{place // 3 + 1}{place % 3 + 1}": values[place] for place in range(9)}
        elif shape in ((3,), (6,)):
            found |= {f"{name}_{end}": each for end, each in zip(AXES if shape == (3,) else CELL, value, strict=True)}
        else:
            found[name] = value
    return found


def draws_text(draws, several):
    """A CSV file of what is drawn for images, see `draws_of`. several: as for `columns_of`."""
    rows = []
    for drawn in draws:
        lattices = [flat(own) for own in drawn["crystals"]]
        row = flat({name: value for name, value in drawn.items() if name != "crystals"})
        if several:
            row["lattices"] = len(lattices)
            lattices = [
                {f"crystal{number}_{name}": value for name, value in own.items()} for number, own in enumerate(lattices, 1)
            ]
        for own in lattices:
            row |= own
        rows.append(row)
    return csv_text(rows)
