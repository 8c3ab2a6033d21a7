"""What the kernels that decode ANS payloads and their callers agree on: fields, statuses, bounds.

The state of a coder, the description of a group of values and all parameters travel as rows of
integers, because Numba takes arrays of integers fastest. FORMAT.md sections 3 to 6 are normative
for the numbers of the format.
"""

from __future__ import annotations

# Frequencies of a table sum to 2^PRECISION.
PRECISION = 24
TOTAL = 1 << PRECISION

# Raw fields wider than this are split into chunks, lowest bits first.
RAW_CHUNK = PRECISION

# Fields of the row of a group. START: index in `starts` where its table begins. SYMBOLS: number of
# symbols of the table; 1 for values that are raw fields only. LOWEST: the first symbol. ESCAPE: the
# magnitude of the escapes, -1 for none. LEAST_COST: lower bound of a symbol's code length, in units
# of 2^-24 bit. LOW_BITS: number of low bits of each value that are raw. SIZE: number of values.
# BASE: what is added to each value at the end. CELLS: 0, or, where the values are gaps between
# ascending keys, the bound of the keys.
START, SYMBOLS, LOWEST, ESCAPE, LEAST_COST, LOW_BITS, SIZE, BASE, CELLS = range(9)
FIELDS = 9

# Fields of a coder: its state; the number of words left on the stack; what the payload can still
# hold, in units of 2^-24 bit; a number for messages, which is the size of the array that did not
# fit, the largest number of cells, or a scale.
STATE, LEFT, ROOM, DETAIL = range(4)

# Statuses. OK; the payload cannot hold an array; a magnitude is at or above the bound; a gap or a
# key is beyond the last cell; a magnitude is negative; a share of positive values, a scale or a
# centre is out of range; a scale is one that sets do not have.
OK, TOO_MANY, OUT_OF_RANGE, WIDE_GAP, HIGH_KEY, NEGATIVE = range(6)
BAD_SHARE, BAD_SCALE, BAD_CENTRE, HIGH_SCALE = range(6, 10)

# A status that only a wrong call causes: groups do not match their tables or values.
BAD_LAYOUT = -1

# Least frequency of the symbols that are escapes.
ESCAPE_FREQUENCY = 256

# Modes of a column: values; values less a centre; magnitudes less a centre, and signs; values less
# their least, with an explicit histogram, whose size is the scale plus HISTOGRAM_SIZE_MIN.
PLAIN, CENTRED, SIGN_MAGNITUDE, HISTOGRAM = range(4)
HISTOGRAM_SIZE_MIN = 2

# The predicted scale of the first group; the predicted growth of scales where values are expected
# to double from group to group; the share of positive values, in sixteenths, that is predicted.
FIRST_SCALE = 8
SCALE_GROWTH = 3
POSITIVE_EVEN = 8

# Bits of the packed scale and shape of a set: scale (5), zero (4) and spread (2).
OWN_BITS = 11

# Magnitudes of values are below VALUE_BOUND; those of residuals, steps and centres below
# RESIDUAL_BOUND.
VALUE_BOUND = 1 << 30
RESIDUAL_BOUND = 1 << 32

# Indices of these tables among the tables that are the same for all columns; the tables of the
# numbers in a head come before them.
SCALE_STEPS, CENTRE_STEPS = 3, 4
