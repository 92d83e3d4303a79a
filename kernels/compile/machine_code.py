"""Loads an object file's bytes as a callable function.

On Linux with an x86-64 processor this is done here, because importing and starting LLVM takes longer than a small run: the
sections are copied into memory, and the references between them and to the C library are filled in. LLVM loads files that
have anything else in them, and all files on other systems.

Formats: System V ABI, chapters 4 (object files) and 5 of its AMD64 supplement (relocation types).
"""

import ctypes
import mmap
import os
import struct
import sys
from typing import NamedTuple

NATIVE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)

ELF64_LITTLE_ENDIAN, X86_64 = b"\x7fELF\x02\x01", 62
PROGBITS, SYMTAB, RELA = 1, 2, 4  # types of sections
WRITABLE, IN_MEMORY, THREAD_LOCAL = 0x1, 0x2, 0x400  # flags of sections
UNDEFINED = 0  # number of the section of a symbol of another file
ABSOLUTE, RELATIVE, CALL = 1, 2, 4  # R_X86_64_64, R_X86_64_PC32, R_X86_64_PLT32
JUMP = b"\xff\x25\0\0\0\0"  # jmp [rip+0]: to the address that follows
STUB, CACHE_LINE = 16, 64  # bytes


class UnsupportedObject(Exception):
    """Something in the object file is not loaded here."""


class Section(NamedTuple):
    """A section's header, with the fields in the file's order."""

    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int  # of relocations: the number of the section that they are for
    alignment: int
    entry_size: int


class Symbol(NamedTuple):
    """A name for a place: `value` bytes from the start of a section."""

    name: str
    section: int
    value: int


def load_object(symbol, code):
    """The function `symbol` of an object file's bytes."""
    address, owner = load(symbol, code)
    function = NATIVE(address)
    function.owner = owner
    return function


def load(symbol, code):
    """The address of the function `symbol` of an object file's bytes, and what keeps its memory."""
    if sys.platform == "linux" and os.uname().machine == "x86_64":
        try:
            return load_elf(symbol, code)
        except (UnsupportedObject, OSError):  # OSError: no executable memory; LLVM asks for it in another way
            pass
    from .llvm import load_by_llvm

    return load_by_llvm(symbol, code)


def load_elf(symbol, code):
    """As `load`, for an ELF object file for x86-64. Raises UnsupportedObject, or OSError without memory."""
    sections = read_sections(code)
    symbols = read_symbols(code, sections)
    starts, size = place_sections(sections)
    externals = addresses_in_process(entry.name for entry in symbols if entry.name and entry.section == UNDEFINED)
    stubs = {name: size + STUB * number for number, name in enumerate(externals)}
    memory = mmap.mmap(-1, max(1, size + STUB * len(stubs)), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for number, start in starts.items():
        section = sections[number]
        memory[start : start + section.size] = content(code, section)
    for name, start in stubs.items():
        memory[start : start + STUB] = struct.pack("<6sQ2x", JUMP, externals[name])
    for section in sections:
        if section.type == RELA and section.info in starts:
            for offset, kind, number, addend in read_relocations(code, section):
                place, target = starts[section.info] + offset, symbols[number]
                if target.section in starts:
                    position = base + starts[target.section] + target.value
                elif target.section != UNDEFINED:
                    raise UnsupportedObject
                else:
                    position = base + stubs[target.name] if kind == CALL else externals[target.name]
                refer(memory, base, place, kind, position + addend)
    protect(base, len(memory))
    (address,) = (base + starts[entry.section] + entry.value for entry in symbols if entry.name == symbol)
    return address, memory


def read_sections(code):
    if code[:6] != ELF64_LITTLE_ENDIAN or struct.unpack_from("<H", code, 18) != (X86_64,):
        raise UnsupportedObject
    (start,) = struct.unpack_from("<Q", code, 40)
    size, number = struct.unpack_from("<HH", code, 58)
    return [Section(*struct.unpack_from("<IIQQQQIIQQ", code, start + size * n)) for n in range(number)]


def read_symbols(code, sections):
    (table,) = (section for section in sections if section.type == SYMTAB)
    names = sections[table.link].offset
    found = []
    for name, _info, _other, section, value, _size in struct.iter_unpack("<IBBHQQ", content(code, table)):
        start = names + name
        found.append(Symbol(code[start : code.index(b"\0", start)].decode(), section, value))
    return found


def read_relocations(code, section):
    """(offset in the section that they are for, type, number of the symbol, addend) each."""
    return struct.iter_unpack("<QIIq", content(code, section))


def content(code, section):
    return code[section.offset : section.offset + section.size]


def place_sections(sections):
    """({number of a section: its offset in memory}, size of all)."""
    starts, size = {}, 0
    for number, section in enumerate(sections):
        if section.flags & IN_MEMORY and section.size > 0:
            if section.flags & (WRITABLE | THREAD_LOCAL) or section.alignment > mmap.PAGESIZE:
                raise UnsupportedObject
            if section.type == PROGBITS:  # not tables for unwinding: kernels raise nothing
                alignment = max(CACHE_LINE, section.alignment)
                starts[number] = -(-size // alignment) * alignment
                size = starts[number] + section.size
    return starts, -(-size // STUB) * STUB


def addresses_in_process(names):
    """{name: address} of functions of the C library."""
    library = ctypes.CDLL(None)
    try:
        return {name: ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in names}
    except AttributeError:
        raise UnsupportedObject from None


def refer(memory, base, place, kind, position):
    """Stores a reference to an address at a place in memory."""
    if kind == ABSOLUTE:
        memory[place : place + 8] = struct.pack("<Q", position)
    elif kind in (RELATIVE, CALL):
        memory[place : place + 4] = struct.pack("<i", position - base - place)
    else:
        raise UnsupportedObject


def protect(address, size):
    """Makes memory executable, and read-only."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_EXEC) != 0:
        raise OSError(ctypes.get_errno(), "mprotect")
