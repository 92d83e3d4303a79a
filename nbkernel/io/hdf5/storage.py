"""How an HDF5 dataset is stored, checked before it is read: where, how large, and how compressed.

HDF5 unpacks a chunk to whatever length results; here it must be the length that follows from the dataset's shape.
"""

import bz2
import itertools
import math
import zlib

import h5py

from nbkernel.io.files.input_limit import check_size, largest_size

from .filters import hdf5plugin
from .links import Refused, Unusable

MOST_CHUNKS = 100_000  # of one image
# filters that keep the length, or add a checksum
PLAIN = {2: "shuffle", 3: "fletcher32"}
DEFLATE, SZIP, BZIP2, LZF, BLOSC, LZ4, BITSHUFFLE, ZSTD = 1, 4, 307, 32000, 32001, 32004, 32008, 32015
NAMES = {
    DEFLATE: "deflate", SZIP: "szip", BZIP2: "bzip2", LZF: "LZF", BLOSC: "Blosc", LZ4: "LZ4", BITSHUFFLE: "bitshuffle",
    ZSTD: "Zstandard", 32013: "ZFP", 32017: "SZ", 32024: "SZ3", 32026: "Blosc2", 5: "nbit", 6: "scaleoffset",
}  # fmt: skip
OF_HDF5PLUGIN = {BZIP2, BLOSC, LZ4, BITSHUFFLE, ZSTD}
# how many bytes the shortest code of each can represent
EXPANSION = {DEFLATE: 1032, BZIP2: 1 << 20}


def check_layout(dataset, name):
    """The creation properties of a dataset. Raises Refused if its bytes are in other files, of any kind."""
    properties = dataset.get_create_plist()
    if properties.get_external_count():
        raise Refused(f"keeps {name} as raw data in another file ({in_text(properties.get_external(0)[0])}): not read")
    return properties


def check_values(field, shape, start=None):
    """Raises InputError or Unusable if a part of that shape, from the element `start` on (None: the first), may not be read
    from a Field that is not virtual."""
    start = start or (0,) * len(shape)
    flag, path, name, properties = field.source.flag, field.file_path, field.name, field.properties
    itemsize = field.dtype.itemsize
    check_size(flag, path, math.prod(shape) * itemsize, name)
    if properties.get_layout() != h5py.h5d.CHUNKED:
        return
    chunk = properties.get_chunk()
    packer = check_filters(properties, name)
    size = math.prod(chunk) * itemsize
    check_size(flag, path, size, f"a chunk of {name}")
    firsts = [range(at // step, -(-(at + extent) // step)) for at, extent, step in zip(start, shape, chunk, strict=True)]
    count = math.prod(map(len, firsts))
    if count > MOST_CHUNKS:
        raise Unusable(f"has {count} chunks in one image of {name}; up to {MOST_CHUNKS} are read")
    if packer is None or field.handle.get_num_chunks() == 0:
        return
    most = largest_size(path)
    for numbers in itertools.product(*firsts):
        place = tuple(number * step for number, step in zip(numbers, chunk, strict=True))
        check_chunk(field.handle, place, packer, size, most, name)


def check_filters(properties, name):
    """The code of the filter that compresses a dataset, None if none does. Raises Unusable if it cannot be undone."""
    filters = [properties.get_filter(number) for number in range(properties.get_nfilters())]
    codes = [code for code, *_ in filters]
    packers = [code for code, _, values, _ in filters if code not in PLAIN and not (code == BITSHUFFLE and unpacked(values))]
    if not packers:
        return None
    if len(packers) > 1 or codes.index(packers[0]) < len(codes) - 1 - (codes[-1] == 3):
        raise Unusable(f"has packed {name} more than once ({', '.join(map(filter_name, codes))}): not read")
    (code,) = packers
    if code not in (DEFLATE, SZIP, BZIP2, LZF, BLOSC, LZ4, BITSHUFFLE, ZSTD):
        raise Unusable(
            f"has {name} packed by {filter_name(code)}, which is not read here; repack it: h5repack -f SHUF -f GZIP=1 IN OUT"
        )
    if not h5py.h5z.filter_avail(code):
        raise Unusable(f"has {name} packed by {filter_name(code)}; {remedy(code)}")
    return code


def unpacked(values):
    """Whether bitshuffle only shuffles, by its settings."""
    return len(values) < 5 or values[4] == 0


def remedy(code):
    if code in OF_HDF5PLUGIN and hdf5plugin() is None:
        return "its compression needs hdf5plugin (pip install 'nbkernel[hdf5]')"
    return "HDF5 does not find that filter; HDF5_PLUGIN_PATH names the folder of its plugins"


def filter_name(code):
    return f"{NAMES.get(code, PLAIN.get(code, 'a filter'))} (HDF5 filter {code})"


def check_chunk(dataset, place, packer, size, most, name):
    """Raises Unusable for a chunk that unpacks to more than its size; up to `most` bytes are harmless."""
    stored = dataset.get_chunk_info_by_coord(place).size
    if not stored or (packer in EXPANSION and stored * EXPANSION[packer] <= max(size, most)):
        return
    mask, content = dataset.read_direct_chunk(place)
    # filters that were skipped for this chunk
    if mask and len(content) == size:
        return
    if unpacked_size(packer, content, size) > size:
        raise Unusable(f"has a chunk in {name} that unpacks to more than its {size} bytes")


def unpacked_size(packer, content, expected):
    """Bytes that a chunk unpacks to, as stated or counted; counting stops above `expected`."""
    if packer in (LZ4, BITSHUFFLE):
        return int.from_bytes(content[:8], "big")
    if packer in (BLOSC, SZIP):
        start = 4 if packer == BLOSC else 0
        return int.from_bytes(content[start : start + 4], "little")
    if packer == ZSTD:
        return zstandard_size(content)
    if packer == LZF:
        # the length is the chunk's, or unpacking fails
        return 0
    try:
        unpacking = zlib.decompressobj() if packer == DEFLATE else bz2.BZ2Decompressor()
        return len(unpacking.decompress(content, expected + 1))
    except (zlib.error, OSError, ValueError):
        # HDF5 says what is wrong
        return 0


def zstandard_size(content):
    """Unpacked size (bytes) of a frame by its header (RFC 8878, 3.1.1.1); if it is not given, more than any chunk."""
    if len(content) < 5 or content[:4] != b"\x28\xb5\x2f\xfd":
        return 0
    descriptor = content[4]
    single = descriptor >> 5 & 1
    flag = descriptor >> 6
    if flag == 0 and not single:
        return 1 << 63
    start = 5 + (not single) + (0, 1, 2, 4)[descriptor & 3]
    length = (1, 2, 4, 8)[flag]
    return int.from_bytes(content[start : start + length], "little") + (256 if flag == 1 else 0)


def in_text(name):
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name
