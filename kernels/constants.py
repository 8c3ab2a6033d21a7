"""Constants that every backend uses: they are part of what the pixels of a file are."""

# A Gaussian whose smallest singular value (standard deviation along its thinnest axis) is below
# this many pixels contributes nothing: it falls between pixel centres, and its factor overflows.
SIGMA_MIN_PX = 1e-3

# A Gaussian whose largest singular value is above this contributes nothing either: its factor is
# singular for every practical purpose, and spans could not be solved in float32.
SIGMA_MAX_PX = 1e9

# There is one more rule, without a constant: a Gaussian with any value that is not finite (mean,
# factor, colour, cutoff or offset) contributes nothing. Containers refuse such values, but a
# diverging fit meets them.

# A larger `cutoff` is lowered to this: exp(-16) = 1.1e-7 is less than the last bit of a float32
# weight of 1, and kernels approximate exp(-q) for 0 <= q <= CUTOFF_MAX only.
CUTOFF_MAX = 16.0

# In alpha blending no Gaussian hides more than this share of what is behind it.
ALPHA_MAX = 0.999
# A Gaussian that would hide less than this is skipped.
ALPHA_MIN = 1 / 255
# A pixel stops before the Gaussian that would leave less than this of what is behind.
TRANSMITTANCE_MIN = 1e-4

# Most Gaussians of a blend: kernels keep their indices in float32, which is exact up to 2^24.
BLENDED_MAX = 1 << 24

# Most channels that a kernel renders: grey, grey + alpha, RGB, RGB + alpha.
CHANNELS_MAX = 4

# Longest side of an image or an output: pixel centres must be exact in float32, also those of a
# window that starts outside the image.
MAX_SIDE_PX = 1 << 22

# SSIM (Wang, Bovik, Sheikh and Simoncelli, 2004): side and standard deviation of the Gaussian
# window, and the constants K1 and K2, which keep its quotients finite.
SSIM_TAPS, SSIM_SIGMA_PX = 11, 1.5
SSIM_K1, SSIM_K2 = 0.01, 0.03

# MS-SSIM (Wang, Simoncelli and Bovik, 2003): exponents of the five scales, the finest first.
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

# Places of means are whole numbers of 2^-PLACE_BITS px (FORMAT.md 7.2): middles of cells, which
# divide squares of 2^(SQUARE_BITS - P) px. Most bits by which cells are finer in one direction, and
# the class of the finest cells.
PLACE_BITS = 8
SQUARE_BITS = 2
FINE_BITS_MAX = 2 * SQUARE_BITS
FINEST_CLASS = 7

# Levels of lattices: a cell of level L is 2^L px wide (FORMAT.md 7.4).
LEVELS_MAX = 8
# A lattice is enlarged by two with these weights of four coarse cells, along each axis: a cubic
# B-spline a quarter of a coarse cell beside a coarse centre.
ENLARGING_FILTER = (1 / 384, 121 / 384, 235 / 384, 27 / 384)
