"""Compile all kernels before a wheel is built, into an extension module that needs no Numba.

`python -m gsic_kernels.cpu.ahead.build` does it. `objects` compiles the kernels for one level of
CPUs, `bindings` writes how they are called, and `extension.c` makes Python functions of them. What
comes out is loaded by `gsic_kernels.cpu.runtime.shipped`.
"""
