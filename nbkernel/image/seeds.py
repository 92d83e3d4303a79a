"""Seeds of random numbers: drawing those that the user does not give, and the flags that repeat a run."""

import os

# the largest that nanoBragg.c's flags take; 0 means the same as 1
LARGEST_SEED = 2**31 - 1


def fresh_seed():
    """A seed from the system's randomness, so that runs started at the same moment differ."""
    return 1 + int.from_bytes(os.urandom(16), "big") % LARGEST_SEED


def seeds_of_crystal(prepared):
    """{"mosaic_seed", "misset_seed"} of a Prepared panel, as far as its crystal depends on random numbers."""
    experiment, seeds = prepared.experiment, {}
    if any(map(draws_domains, (prepared, *prepared.lattices))):
        seeds["mosaic_seed"] = experiment.mosaic_seed
    if experiment.misset == "random":
        seeds["misset_seed"] = experiment.misset_seed
    return seeds


def draws_domains(prepared):
    """Whether a Prepared lattice has mosaic domains that depend on random numbers."""
    experiment = prepared.experiment
    drawn = experiment.mosaic_blocks is None or experiment.cell_spread is not None
    return prepared.plan.orientation.shape[1] > 1 and drawn


def seed_line(prepared, noise_seed=None):
    """A line with the flags that draw the same random numbers again; None if a run uses none."""
    seeds = {"seed": noise_seed, **seeds_of_crystal(prepared)}
    # -misset_seed comes last: followed by three arguments it would also be read as -misset
    flags = [f"-{name} {seed}" for name, seed in seeds.items() if seed is not None]
    return f"seeds: {' '.join(flags)}" if flags else None
