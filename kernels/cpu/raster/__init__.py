"""Rasterisers of sums and alpha blends of Gaussians, and their gradients.

`sum` and `alpha` are called with arrays. `workspace` runs the steps: `records` and `binning`
prepare the Gaussians, then the kernels of `sum_*` and `alpha_*` draw them, a strip at a time.
"""
