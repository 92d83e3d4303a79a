"""LLVM forms of the few functions that are not compiled from their Python text: fused operations, hints to the compiler in
vectorised loops (`vector_loops`), and a kernel's arguments."""

from llvmlite import binding, ir
from numba import config, types
from numba.core import cgutils
from numba.extending import lower_builtin, type_callable

from nbkernel.kernels.numerics import arithmetic, vector_loops

COMPILED_OTHERWISE = (
    arithmetic.fma,
    vector_loops.add_eight,
    vector_loops.add_eight_of_table,
    vector_loops.add_four,
    vector_loops.add_four_of_table,
    vector_loops.eight,
    vector_loops.full_vector_width,
    vector_loops.gathers,
    vector_loops.interleaved,
    vector_loops.load,
    vector_loops.look_up,
    vector_loops.store,
    vector_loops.store_eight,
    vector_loops.with_columns,
)
FOUR, EIGHT = types.UniTuple(types.float64, 4), types.UniTuple(types.float64, 8)
WORD = ir.IntType(64)
# LLVM's names of processors that execute a vector of 256 bits as two
IN_HALVES = ("btver2", "znver1", "bdver1", "bdver2", "bdver3", "bdver4")


@type_callable(arithmetic.fma)
def type_fma(context):
    def typer(a, b, c):
        return types.float32 if a == b == c == types.float32 else types.float64

    return typer


@lower_builtin(arithmetic.fma, types.Number, types.Number, types.Number)
def compile_fma(context, builder, signature, arguments):
    wide = signature.return_type
    return builder.fma(*(context.cast(builder, a, kind, wide) for a, kind in zip(arguments, signature.args, strict=True)))


@type_callable(vector_loops.full_vector_width)
def type_full_vector_width(context):
    return lambda: types.void


@lower_builtin(vector_loops.full_vector_width)
def compile_full_vector_width(context, builder, signature, arguments):
    # llvmlite's own `add` takes only attributes without a value
    set.add(builder.function.attributes, '"prefer-vector-width"="512"')
    return context.get_dummy_value()


@type_callable(vector_loops.gathers)
def type_gathers(context):
    return lambda: types.boolean


@lower_builtin(vector_loops.gathers)
def compile_gathers(context, builder, signature, arguments):
    features = config.CPU_FEATURES or binding.get_host_cpu_features().flatten()
    return context.get_constant(types.boolean, "+avx512f" in features)


@type_callable(vector_loops.interleaved)
def type_interleaved(context):
    return lambda: types.void


@lower_builtin(vector_loops.interleaved)
def compile_interleaved(context, builder, signature, arguments):
    if (config.CPU_NAME or binding.get_host_cpu_name()) in IN_HALVES:
        hint_next_loop_end(builder, "llvm.loop.interleave.count", 2)
    return context.get_dummy_value()


def hint_next_loop_end(builder, name, value):
    """Gives the loop that is being built a hint for LLVM: its end, the next jump back, is not there yet."""
    plain = builder.branch

    def branch(target):
        jump = plain(target)
        if target.is_terminated:  # a block that has been built
            jump.set_metadata("llvm.loop", loop_hint(builder.module, name, value))
            del builder.branch
        return jump

    builder.branch = branch


def loop_hint(module, name, value):
    hint = module.add_metadata([ir.MetaDataString(module, name), ir.Constant(ir.IntType(32), value)])
    loop = module.add_metadata([hint])
    loop.operands = (loop, hint)  # LLVM requires that it names itself
    return loop


def align_stack(builder):
    """If vector registers do not suffice, values spill to the stack: aligned to cache lines only with this attribute."""
    set.add(builder.function.attributes, '"stackrealign"')


def table_scope(module):
    """The memory of tables, for LLVM's alias analysis."""
    domain = module.add_metadata([ir.MetaDataString(module, "nbkernel")])
    return module.add_metadata([module.add_metadata([ir.MetaDataString(module, "table"), domain])])


def beside_tables(builder, access):
    """The load or store `access`, marked as never touching the memory of tables."""
    access.set_metadata("noalias", table_scope(builder.module))
    return access


def table_element(context, builder, table_type, table, position_type, position):
    loaded = builder.load(element_address(context, builder, table_type, table, position_type, position))
    loaded.set_metadata("alias.scope", table_scope(builder.module))
    return loaded


def element_address(context, builder, array_type, array, position_type, position):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [context.cast(builder, position, position_type, types.int64)])


@type_callable(vector_loops.load)
def type_load(context):
    return lambda array, i: array.dtype


@lower_builtin(vector_loops.load, types.Array, types.Integer)
def compile_load(context, builder, signature, arguments):
    (array_type, i_type), (array, i) = signature.args, arguments
    return beside_tables(builder, builder.load(element_address(context, builder, array_type, array, i_type, i)))


@type_callable(vector_loops.look_up)
def type_look_up(context):
    return lambda table, position: table.dtype


@lower_builtin(vector_loops.look_up, types.Array, types.Integer)
def compile_look_up(context, builder, signature, arguments):
    (table_type, position_type), (table, position) = signature.args, arguments
    return table_element(context, builder, table_type, table, position_type, position)


@type_callable(vector_loops.store)
def type_store(context):
    return lambda array, i, value: types.void


@lower_builtin(vector_loops.store, types.Array, types.Integer, types.Number)
def compile_store(context, builder, signature, arguments):
    (array_type, i_type, value_type), (array, i, value) = signature.args, arguments
    value = context.cast(builder, value, value_type, array_type.dtype)
    beside_tables(builder, builder.store(value, element_address(context, builder, array_type, array, i_type, i)))
    return context.get_dummy_value()


@type_callable(vector_loops.with_columns)
def type_with_columns(context):
    return lambda array, columns: array


@lower_builtin(vector_loops.with_columns, types.Array, types.Integer)
def compile_with_columns(context, builder, signature, arguments):
    (array_type, columns_type), (array, columns) = signature.args, arguments
    columns = context.cast(builder, columns, columns_type, types.intp)
    narrow = context.make_array(array_type)(context, builder, array)
    rows = builder.extract_value(narrow.shape, 0)
    narrow.nitems = builder.mul(rows, columns)
    narrow.shape = cgutils.pack_array(builder, [rows, columns])
    narrow.strides = cgutils.pack_array(builder, [builder.mul(columns, narrow.itemsize), narrow.itemsize])
    return narrow._getvalue()


def lanes_type(number):
    return ir.VectorType(ir.DoubleType(), number)


def lanes_of(builder, values):
    """Vector of some numbers, which LLVM splits up again only if it must."""
    lanes = ir.Constant(lanes_type(len(values)), ir.Undefined)
    for m, value in enumerate(values):
        lanes = builder.insert_element(lanes, value, ir.Constant(ir.IntType(32), m))
    return lanes


def lanes_of_tuple(builder, values, number):
    return lanes_of(builder, [builder.extract_value(values, m) for m in range(number)])


def tuple_of_lanes(context, builder, lanes):
    number = lanes.type.count
    values = [builder.extract_element(lanes, ir.Constant(ir.IntType(32), m)) for m in range(number)]
    return context.make_tuple(builder, types.UniTuple(types.float64, number), values)


def address_of_lanes(context, builder, array_type, array, position_type, position, number):
    address = element_address(context, builder, array_type, array, position_type, position)
    return builder.bitcast(address, lanes_type(number).as_pointer())


def add_product(context, builder, sums, weights, factors):
    """A tuple plus the product of two vectors, as a tuple."""
    kind = weights.type
    vector_fma = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind] * 3), f"llvm.fma.v{kind.count}f64"
    )
    return tuple_of_lanes(
        context, builder, builder.call(vector_fma, [weights, factors, lanes_of_tuple(builder, sums, kind.count)])
    )


@type_callable(vector_loops.add_four)
def type_add_four(context):
    return lambda sums, weight, four: FOUR


@lower_builtin(vector_loops.add_four, types.UniTuple, types.Float, types.UniTuple)
def compile_add_four(context, builder, signature, arguments):
    sums, weight, four = arguments
    return add_product(context, builder, sums, lanes_of(builder, [weight] * 4), lanes_of_tuple(builder, four, 4))


@type_callable(vector_loops.add_four_of_table)
def type_add_four_of_table(context):
    return lambda sums, weight, table, position: FOUR


@lower_builtin(vector_loops.add_four_of_table, types.UniTuple, types.Float, types.Array, types.Integer)
def compile_add_four_of_table(context, builder, signature, arguments):
    (_, _, table_type, position_type), (sums, weight, table, position) = signature.args, arguments
    neighbours = builder.load(address_of_lanes(context, builder, table_type, table, position_type, position, 4), align=8)
    return add_product(context, builder, sums, lanes_of(builder, [weight] * 4), neighbours)


@type_callable(vector_loops.eight)
def type_eight(context):
    return lambda array, i: EIGHT


@lower_builtin(vector_loops.eight, types.Array, types.Integer)
def compile_eight(context, builder, signature, arguments):
    (array_type, i_type), (array, i) = signature.args, arguments
    address = address_of_lanes(context, builder, array_type, array, i_type, i, 8)
    return tuple_of_lanes(context, builder, beside_tables(builder, builder.load(address, align=8)))


@type_callable(vector_loops.store_eight)
def type_store_eight(context):
    return lambda array, i, values: types.void


@lower_builtin(vector_loops.store_eight, types.Array, types.Integer, types.UniTuple)
def compile_store_eight(context, builder, signature, arguments):
    (array_type, i_type, _), (array, i, values) = signature.args, arguments
    address = address_of_lanes(context, builder, array_type, array, i_type, i, 8)
    beside_tables(builder, builder.store(lanes_of_tuple(builder, values, 8), address, align=8))
    return context.get_dummy_value()


@type_callable(vector_loops.add_eight)
def type_add_eight(context):
    return lambda sums, weights, factors: EIGHT


@lower_builtin(vector_loops.add_eight, types.UniTuple, types.UniTuple, types.UniTuple)
def compile_add_eight(context, builder, signature, arguments):
    sums, weights, factors = arguments
    return add_product(context, builder, sums, lanes_of_tuple(builder, weights, 8), lanes_of_tuple(builder, factors, 8))


@type_callable(vector_loops.add_eight_of_table)
def type_add_eight_of_table(context):
    return lambda sums, weights, table, position: EIGHT


@lower_builtin(vector_loops.add_eight_of_table, types.UniTuple, types.UniTuple, types.Array, types.Integer)
def compile_add_eight_of_table(context, builder, signature, arguments):
    (_, _, table_type, position_type), (sums, weights, table, position) = signature.args, arguments
    element = table_element(context, builder, table_type, table, position_type, position)
    return add_product(context, builder, sums, lanes_of_tuple(builder, weights, 8), lanes_of(builder, [element] * 8))


def unpack(context, builder, kind, words, at):
    """Value of a numba type from the words that `kernel.flatten` made of it, and the position of the next word."""

    def word(place):
        return builder.load(builder.gep(words, [ir.Constant(WORD, place)]))

    if isinstance(kind, types.BaseTuple):
        values = []
        for field in kind.types:
            value, at = unpack(context, builder, field, words, at)
            values.append(value)
        return context.make_tuple(builder, kind, values), at
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder)
        array.meminfo = array.parent = ir.Constant(ir.IntType(8).as_pointer(), None)
        array.nitems, array.itemsize = word(at + 2), word(at + 3)
        array.data = builder.inttoptr(word(at + 4), array.data.type)
        array.shape = cgutils.pack_array(builder, [word(at + 5 + axis) for axis in range(kind.ndim)])
        array.strides = cgutils.pack_array(builder, [word(at + 5 + kind.ndim + axis) for axis in range(kind.ndim)])
        return array._getvalue(), at + 5 + 2 * kind.ndim
    value = word(at)
    if kind == types.float64:
        value = builder.bitcast(value, ir.DoubleType())
    elif kind == types.boolean:
        value = builder.icmp_unsigned("!=", value, ir.Constant(WORD, 0))
    return value, at + 1
