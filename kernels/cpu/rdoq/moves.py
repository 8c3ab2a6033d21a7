"""The moves of a Gaussian that RDOQ tries."""

from __future__ import annotations

import numpy as np

# Steps along the coarser cells, along the finer ones, of log-scale and both numbers of
# log-anisotropy. Move 0 leaves a Gaussian where it is; each other one changes one symbol by 1.
MOVED = 5
_UNITS = np.eye(MOVED, dtype=np.int64)
MOVES = np.concatenate((np.zeros((1, MOVED), np.int64), _UNITS, -_UNITS))
