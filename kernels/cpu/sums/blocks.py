"""The size of a block of pixels, which is one vector of one channel.

Pixel (row i, column j) of a block is lane 4 i + j. With 16 lanes a block has 4 x 4 pixels, with 8
lanes 4 x 2. A narrow Gaussian fills such blocks better than rows of 16 pixels.
"""

from __future__ import annotations

from gsic_kernels.cpu.runtime.lanes import LANES

BLOCK_WIDTH = 4
BLOCK_HEIGHT = LANES // BLOCK_WIDTH

# The type of this tuple tells `load_planes` to load as many vectors as a block has rows.
BLOCK_ROWS = (0,) * BLOCK_HEIGHT
