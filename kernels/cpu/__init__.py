"""The Numba kernels.

`raster` draws Gaussians, `losses` compares images, `ans` decodes symbols, `rdoq` optimises them.
`runtime` compiles kernels, shares their work between threads and defines the SIMD type.
"""
