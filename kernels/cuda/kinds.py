"""The kinds of runs, each with a CUDA kernel of its own: what defines the kind is constant in it, and the branches on these
constants are removed."""

from typing import NamedTuple

from nbkernel.kernels.fast.build import StepKind, step_kind
from nbkernel.kernels.physics.constants import GAUSS, ROUND, SQUARE, TOPHAT

SHAPES = {SQUARE: "square", ROUND: "round", GAUSS: "gauss", TOPHAT: "tophat"}
FLAGS = {
    "has_table": "table", "interpolate": "interpolated", "running": "running",
    "one_cell": "one_cell", "in_offsets": "offsets",
}  # fmt: skip


class KernelKind(NamedTuple):
    """What a kernel is compiled for."""

    use_float32: bool  # parallelepipeds in float32
    own_operations: bool  # indices by the program's own operations
    steps: StepKind

    @property
    def name(self):
        words = ["mixed" if self.use_float32 else "double", SHAPES[self.steps.xtal_shape]]
        words += [FLAGS[name] for name in FLAGS if getattr(self.steps, name)]
        return "_".join(words + ["program"] * self.own_operations)


def kernel_kind(plan, table, use_float32, own_operations, interpolate):
    """The KernelKind of a run."""
    steps = step_kind(plan, table, interpolate)
    steps = StepKind(int(steps.xtal_shape), *map(bool, steps[1:]))
    # plans that need the same code are of one kind
    use_float32 = use_float32 and not steps.one_cell
    return KernelKind(use_float32, own_operations, steps._replace(in_offsets=steps.in_offsets and use_float32))
