"""Kernels that render 2D Gaussians, as sums or alpha blends, and compute their gradients.

`gsic_kernels.registry.get` returns the functions of a device. `gsic_kernels.cpu.ans` decodes
symbols. This package knows nothing of files, profiles or fits.
"""
