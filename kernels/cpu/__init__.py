"""The Numba kernels.

`sums` and `alpha` draw Gaussians, `losses` compares images, `ans` decodes symbols, `rdoq` optimises
them. `runtime` compiles kernels, shares their work between threads and defines the SIMD type.
"""
