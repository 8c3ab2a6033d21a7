"""Rasterisers of 2D Gaussians, sums and alpha blends of their colours, forward and backward.

Start at `gsic_kernels.registry.get`; `gsic_kernels.cpu.ans` decodes symbols. This package knows
nothing of files, profiles or fits.
"""
