"""Seeds of random numbers: new ones where the user gives none, and the flags that repeat a run."""

import secrets

# what nanoBragg.c's flags take; 0 is the same as 1
LARGEST_SEED = 2**31 - 1


def fresh_seed():
    """A seed from the system's randomness: runs that begin in the same moment differ."""
    return 1 + secrets.randbelow(LARGEST_SEED)


def seeds_of_crystal(prepared):
    """{"mosaic_seed", "misset_seed": of a Prepared panel, where random numbers decide on the crystal}."""
    experiment, seeds = prepared.experiment, {}
    if prepared.plan.orientation.shape[1] > 1:
        seeds["mosaic_seed"] = experiment.mosaic_seed
    if experiment.misset == "random":
        seeds["misset_seed"] = experiment.misset_seed
    return seeds


def seed_line(prepared, noise_seed=None):
    """The flags that draw the same random numbers again, in a line; None where a run needs none."""
    seeds = {"seed": noise_seed, **seeds_of_crystal(prepared)}
    # -misset_seed comes last: followed by three arguments it would be -misset, too
    flags = [f"-{name} {seed}" for name, seed in seeds.items() if seed is not None]
    return f"seeds: {' '.join(flags)}" if flags else None
