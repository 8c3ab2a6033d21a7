"""Triton rasterisers: sums and alpha blends of Gaussians, forward and backward."""
