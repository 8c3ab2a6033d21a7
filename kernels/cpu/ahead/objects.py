"""Compile every kernel of the table for one level of CPUs, to one object file each.

`python -m gsic_kernels.cpu.ahead.objects LEVEL FOLDER [KERNEL...]` runs in a process of its own,
which `build` starts with the variables of the environment that choose the CPU for Numba.
"""

# Numba and LLVM have no types here.
# mypy: disable-error-code="no-untyped-call, attr-defined"

from __future__ import annotations

import json
import sys
from collections.abc import Container
from pathlib import Path
from typing import Any

from gsic_kernels.cpu.ahead.bindings import describe, symbol
from gsic_kernels.cpu.ahead.levels import LEVELS, Level
from gsic_kernels.cpu.runtime import dispatch, jitable, lanes
from gsic_kernels.cpu.runtime.shipped import export_name


def compile_all(level: Level, folder: Path, names: Container[str] = ()) -> None:
    """Write an object file per kernel, and kernels.json with what `bindings` has to know.

    Args:
        level: the environment must choose its CPU for Numba.
        folder: where to write.
        names: the kernels to compile; all if there is none.
    """
    if level.lanes != lanes.LANES:
        raise RuntimeError(f"{level.cpu} has {level.lanes} lanes, and the environment another CPU")
    described = {}
    for name, channels in dispatch.list_kernels():
        exported = export_name(name, channels)
        if names and exported not in names:
            continue
        signature, function = dispatch.find_source(name, channels)
        code, described[exported] = _compile(function, signature, symbol(exported, level))
        (folder / f"{exported}.o").write_bytes(code)
    (folder / "kernels.json").write_text(json.dumps(described))


def _compile(function: Any, signature: str, name: str) -> tuple[bytes, tuple[str, list[str]]]:
    """Compile a function to an object file in which it has the given name."""
    import llvmlite.binding as llvm
    import numba
    from numba.core import types

    jitable.tell_numba()
    options: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    dispatcher = numba.njit(nogil=True, error_model="numpy", **options)(function)
    dispatcher.compile(signature)
    (compiled,) = dispatcher.overloads.values()
    arguments = describe(types.Tuple(compiled.signature.args))

    module = llvm.parse_bitcode(compiled.library._get_module_for_linking().as_bitcode())
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration:
            # Kernels share helpers by name, and those of one level must not reach another.
            value.linkage = "internal"
    entry = module.get_function(compiled.fndesc.llvm_func_name)
    entry.linkage, entry.visibility, entry.name = "external", "hidden", name
    if len([*entry.arguments]) != 2 + len(arguments[1]):
        raise TypeError(f"{name}: Numba passes arguments in another way than `bindings` says")

    target = _make_target()
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(0)))
    return target.emit_object(module), arguments


def _make_target() -> Any:
    """Make what LLVM needs to write code for the chosen CPU that may lie anywhere in memory."""
    import llvmlite.binding as llvm

    from gsic_kernels.cpu.runtime import compiling

    triple, cpu, features = compiling.find_target()
    return llvm.Target.from_triple(triple).create_target_machine(
        cpu=cpu, features=features, opt=3, reloc="pic", codemodel="default"
    )


if __name__ == "__main__":
    compile_all(
        next(level for level in LEVELS if level.cpu == sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    )
