"""How C calls a kernel: Numba passes what is in arrays and tuples as one argument each.

An array is seven or more of them: the owner of its memory and the Python object, which kernels do
not need, the number and the size of elements, the address, then shape and strides. A tuple is its
items. Before them come where to write the result and where to write an error; what is returned is
0, or why there is no result.
"""

# Numba has no types here.
# mypy: disable-error-code="no-untyped-call, attr-defined"

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gsic_kernels.cpu.ahead.levels import Level

# Letters of element types as the buffer protocol of Python writes them; `l` is 64 bits on Linux.
_ELEMENTS = {
    **{"float32": "f", "float64": "d", "uint8": "B"},
    **{"int32": "i", "int64": "l", "uint32": "I", "uint64": "L"},
}
_SCALARS = {"int64": ("n", "integer"), "float32": ("s", "single"), "float64": ("r", "real")}
_C_TYPES = {"pointer": "void *", "integer": "int64_t", "single": "float", "real": "double"}


def describe(kind: Any) -> tuple[str, list[str]]:
    """Describe an argument of a kernel.

    Args:
        kind: its Numba type.

    Returns:
        Its type as `take` in extension.c reads it, and the member of `Slot` of each argument that
        Numba makes of it.

    Raises:
        TypeError: it is neither a number, nor a contiguous array, nor a tuple of these.
    """
    from numba.core import types

    if isinstance(kind, types.BaseTuple):
        described = [describe(item) for item in kind.types]
        text = "".join(text for text, _ in described)
        return f"({text})", [slot for _, slots in described for slot in slots]
    if isinstance(kind, types.Array) and kind.layout == "C" and kind.mutable:
        slots = [
            "pointer",
            "pointer",
            "integer",
            "integer",
            "pointer",
            *["integer"] * 2 * kind.ndim,
        ]
        return f"{_ELEMENTS[str(kind.dtype)]}{kind.ndim}", slots
    if str(kind) in _SCALARS:
        text, slot = _SCALARS[str(kind)]
        return text, [slot]
    raise TypeError(f"extension.c knows no arguments of type {kind}")


def write_header(kernels: Mapping[str, tuple[str, list[str]]], levels: Sequence[Level]) -> str:
    """Write kernels.h, which extension.c includes.

    Args:
        kernels: of each kernel, by its name in Python, what `describe` says of all its arguments
            as one tuple.
        levels: which there is machine code for, the best one first.
    """
    names = list(kernels)
    lines = [
        f"#define MAX_SLOTS {max(len(slots) for _, slots in kernels.values())}",
        f"#define MAX_VIEWS {max(_count_arrays(types) for types, _ in kernels.values())}",
        _write_levels(levels),
        *(_write_call(name, slots) for name, (_, slots) in kernels.items()),
        *(f"extern HIDDEN char {symbol(name, level)};" for name in names for level in levels),
        "static const Kernel kernels[] = {",
        *(
            f'  {{"{name}", "{types}", call_{name}, '
            f"{{{', '.join(f'&{symbol(name, level)}' for level in levels)}}}}},"
            for name, (types, _) in kernels.items()
        ),
        "};",
        *(f"PYTHON_FUNCTION({name}, {index})" for index, name in enumerate(names)),
        "static PyMethodDef methods[] = {",
        *(f"  PYTHON_METHOD({name})," for name in names),
        "  {NULL, NULL, 0, NULL},",
        "};",
    ]
    return "\n".join(lines) + "\n"


def symbol(name: str, level: Level) -> str:
    """Name the machine code of a kernel for a level, as the linker sees it."""
    return f"gsic_{name}_{level.cpu.replace('-', '_')}"


def _write_levels(levels: Sequence[Level]) -> str:
    """Write a function that finds the first level that the CPU and the system support, or -1."""
    tests = (
        f'  if (__builtin_cpu_supports("{level.cpu}")) return {index};'
        for index, level in enumerate(levels)
    )
    lanes = ", ".join(str(level.lanes) for level in levels)
    cpus = ", ".join(f'"{level.cpu}"' for level in levels)
    return "\n".join(
        [
            f"static const int lanes_of_level[] = {{{lanes}}};",
            f"static const char *const name_of_level[] = {{{cpus}}};",
            "static int find_level(void) {",
            *tests,
            "  return -1;",
            "}",
        ]
    )


def _write_call(name: str, slots: Sequence[str]) -> str:
    """Write a function that calls machine code with the arguments in slots."""
    types = ", ".join(["int64_t *", "void **", *(_C_TYPES[slot] for slot in slots)])
    values = ", ".join(["result", "&error", *(f"s[{k}].{slot}" for k, slot in enumerate(slots))])
    return (
        f"static int32_t call_{name}(const char *code, int64_t *result, const Slot *s) {{\n"
        f"  void *error = NULL;\n"
        f"  (void)s;\n"
        f"  return ((int32_t (*)({types}))code)({values});\n"
        f"}}"
    )


def _count_arrays(types: str) -> int:
    return sum(letter.isdigit() for letter in types)
