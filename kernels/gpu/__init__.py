"""Sums and alpha blends of Gaussians in Triton, forward and backward, for NVIDIA GPUs.

The way of one frame through `raster.renderer`, which divides it into tiles of 16 x 16 pixels:

1. `backend` takes NumPy arrays; `raster.uploads` copies them to the device.
2. `raster.records` makes one record of each Gaussian, and the box of the tiles it can meet.
3. `raster.tile_lists` lists the Gaussians that each tile has to draw, by the kernels of `binning`.
4. `raster.sums` or `raster.alpha` draws each tile, or stores its partial gradients.
5. `raster.gradient_buffers` reduces these to gradients, and `backend` returns NumPy arrays.

Sums have tiles of coarser lattices, too, numbered by `raster.lattices`. They are drawn first, all
at once, and enlarged level by level; a tile of pixels begins with what lattice 1 is worth there. On
the way back, `raster.enlarging` shrinks the gradient level by level, and then all tiles of coarser
lattices store their partial gradients at once.

Nothing here uses atomic operations: the same input gives the same bits. Pointer parameters of
kernels have the name of the array they point to; their docstrings give its dtype and shape. With
TRITON_INTERPRET=1 in the environment kernels run on the CPU, slowly.
"""
