"""Fits of unquantised Gaussians to an image. Start at `api`."""
