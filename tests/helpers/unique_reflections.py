"""A few atoms in a space group: |F| of any index by direct summation over atoms and operations, and files of the unique
reflections."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# International Tables vol. A
GROUPS = {
    "P 43 21 2": (
        "x,y,z -x,-y,z+1/2 -y+1/2,x+1/2,z+3/4 y+1/2,-x+1/2,z+1/4 -x+1/2,y+1/2,-z+3/4 x+1/2,-y+1/2,-z+1/4 y,x,-z -y,-x,-z+1/2"
    ),
    "P 21 21 21": "x,y,z -x+1/2,-y,z+1/2 -x,y+1/2,-z+1/2 x+1/2,-y+1/2,-z",
    "P 61": "x,y,z -y,x-y,z+1/3 -x+y,-x,z+2/3 -x,-y,z+1/2 y,-x+y,z+5/6 x-y,x,z+1/6",
    "C 1 2 1": "x,y,z -x,y,-z x+1/2,y+1/2,z -x+1/2,y+1/2,-z",
    "P 1 21/c 1": "x,y,z -x,y+1/2,-z+1/2 -x,-y,-z x,-y+1/2,z+1/2",
}
CELLS = {
    "P 43 21 2": (30.05, 30.05, 37.31, 90, 90, 90),
    "P 21 21 21": (25.13, 31.4, 36.77, 90, 90, 90),
    "P 61": (28.9, 28.9, 41.07, 90, 90, 120),
    "C 1 2 1": (33.21, 22.8, 27.9, 90, 103.7, 90),
    "P 1 21/c 1": (21.7, 17.9, 24.2, 90, 98.6, 90),
}
ATOMS = np.array([[0.11, 0.23, 0.07], [0.37, 0.05, 0.19], [0.29, 0.41, 0.33], [0.83, 0.61, 0.57]])
POSITIVE, NEGATIVE = "F(+)", "F(-)"


@dataclass(frozen=True)
class Molecule:
    """The atoms in a space group; scattering: (atoms,) complex, electrons."""

    group: str
    scattering: np.ndarray

    @property
    def cell(self):
        return CELLS[self.group]

    def operations(self):
        """Matrices W and translations w of x' = W x + w, parsed from GROUPS."""
        for text in GROUPS[self.group].split():
            W, w = np.zeros((3, 3), int), np.zeros(3)
            for row, expression in enumerate(text.split(",")):
                for sign, term in re.findall(r"([-+]?)([xyz]|\d/\d)", expression):
                    if term in "xyz":
                        W[row, "xyz".index(term)] = -1 if sign == "-" else 1
                    else:
                        w[row] = int(term[0]) / int(term[2])
            yield W, w

    def amplitudes(self, indices):
        """|F| of indices (n, 3), summed over all copies of all atoms."""
        total = np.zeros(len(indices), complex)
        for W, w in self.operations():
            for f, position in zip(self.scattering, ATOMS, strict=True):
                total += f * np.exp(2j * np.pi * (indices @ (W @ position + w)))
        return np.abs(total)

    def copies(self, index):
        """All (h, k, l) that the operations make equivalent to an index, without Friedel mates."""
        return {tuple((np.array(index) @ W).tolist()) for W, _ in self.operations()}


def all_indices(largest):
    return np.mgrid[-largest : largest + 1, -largest : largest + 1, -largest : largest + 1].reshape(3, -1).T


def unique_indices(molecule, largest, seed=5):
    """One random index of each set of equivalent indices and their Friedel mates, without 0 0 0."""
    rng = np.random.default_rng(seed)
    remaining, chosen = set(map(tuple, all_indices(largest).tolist())) - {(0, 0, 0)}, []
    while remaining:
        copies = molecule.copies(next(iter(remaining)))
        both = sorted(copies | {(-h, -k, -l) for h, k, l in copies})
        if remaining.issuperset(both):
            chosen.append(both[rng.integers(len(both))])
        remaining -= set(both)
    return np.array(sorted(chosen))


def write_mtz(path, group, cell, indices, columns):
    """Writes an MTZ file; columns: {label: (type, values)}."""
    import gemmi

    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup(group)
    mtz.set_cell_for_all(gemmi.UnitCell(*cell))
    mtz.add_dataset("data")
    for label, (kind, _) in columns.items():
        mtz.add_column(label, kind)
    mtz.set_data(np.column_stack([indices, *(values for _, values in columns.values())]).astype(np.float32))
    mtz.write_to_file(str(path))


def write_table(path, indices, F):
    """Writes a text table of amplitudes with all their digits."""
    rows = zip(indices.tolist(), np.asarray(F, float).tolist(), strict=True)
    Path(path).write_text("".join(f"{h} {k} {l} {value!r}\n" for (h, k, l), value in rows))


CIF_NAMES = {POSITIVE: "pdbx_F_plus", NEGATIVE: "pdbx_F_minus", "F": "F_meas_au", "SIGF": "F_meas_sigma_au"}


def write_cif(path, group, cell, indices, columns):
    """The same as an mmCIF file; nan is written as a question mark."""
    items = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = ["# made by a test", "data_test", *(f"_cell.{item} {value}" for item, value in zip(items, cell, strict=True))]
    lines += [f"_symmetry.space_group_name_H-M '{group}'", "loop_"]
    lines += [f"_refln.{label}" for label in ("index_h", "index_k", "index_l", *(CIF_NAMES[name] for name in columns))]
    for n, index in enumerate(indices.tolist()):
        values = [float(np.float32(values[n])) for _, values in columns.values()]
        lines.append(" ".join([*map(str, index), *("?" if np.isnan(value) else repr(value) for value in values)]))
    Path(path).write_text("\n".join(lines) + "\n")
