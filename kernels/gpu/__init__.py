"""Sums and alpha blends of Gaussians in Triton, forward and backward, for NVIDIA GPUs.

An image is divided into tiles of 16x16 pixels. `records` makes one record of each Gaussian,
`binning` and `lists` find out which Gaussians each tile has to draw, `sums` and `alpha` draw them
and write what a tile knows of a gradient, and `slots` adds that up over tiles. `renderer` is what
all of it is called through with torch tensors, `backend` with NumPy arrays.

Nothing here uses atomic operations: the same input gives the same bits. With TRITON_INTERPRET=1
in the environment everything runs on the CPU, slowly.
"""
