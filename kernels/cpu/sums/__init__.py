"""Sums of Gaussians on the CPU: rendered in blocks of pixels, on one lattice per level.

Start at `render`. A Gaussian of level L is drawn on a lattice whose cells are 2^L px wide; a
lattice is enlarged by two and added to the next finer one, down to the pixels (FORMAT.md 7.4).
"""
