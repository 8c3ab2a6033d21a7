"""The Numba kernels: `raster` draws, `losses` compare, `ans` decodes symbols, `rdoq` improves them.

`runtime` compiles kernels, shares their work between threads and has the SIMD type.
"""
