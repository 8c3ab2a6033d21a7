"""What the kernels that code ANS payloads and their callers agree on: fields, statuses, bounds.

FORMAT.md sections 3 to 7.2 are normative for the numbers of the format.
"""

from __future__ import annotations

# Frequencies of a table sum to 2^PRECISION.
PRECISION = 24
TOTAL = 1 << PRECISION

# Raw fields are coded in chunks of at most this many bits.
CHUNK_BITS = 32

# Files of so many Gaussians have two states, and four; smaller ones have one. Each state more costs
# about 5 bytes.
TWO_STATES_FROM = 512
FOUR_STATES_FROM = 2048
MAX_STATES = 4

# Each state but the first is stored as the bit length of its upper half, less 1, in this many bits;
# the bits of the upper half below its leading one; and a word, its lower half.
LENGTH_BITS = 5

# What an encoder begins with, and a decoder must end with. A single state above 2^24 grows with
# every symbol. Where several states share the words, none may be below 2^32: it would take a word
# that belongs to another.
SINGLE_END = 1 << 24
SHARED_END = 1 << 32

# Fields of a coder: the next word; what the payload can still hold, in units of 2^-24 bit; a number
# for messages, which is the size of the array that did not fit, the largest number of cells, or a
# scale; how many escapes of the current array were found. Of the current table: how many symbols it
# has, what the first one stands for, and the first and the last one that are no escapes. Which
# state is next, the number of states less 1, and the states.
POSITION, ROOM, DETAIL, ESCAPES = range(4)
SYMBOLS, LOWEST, FIRST_PLAIN, LAST_PLAIN = range(4, 8)
TURN, LAST_TURN, STATES = range(8, 11)
CODER_FIELDS = STATES + MAX_STATES

# The slots of a table are divided into 256 buckets of equal width. An array holds the symbols in
# which the buckets begin, one number more for those that begin in none, and the starts of all
# symbols with 2^PRECISION behind them.
BUCKET_BITS = 8
BUCKETS = 1 << BUCKET_BITS
STARTS = BUCKETS + 1
MAX_MAGNITUDE = 191
TABLE_SIZE = STARTS + 2 * MAX_MAGNITUDE + 2

# What tables are made from, per scale: the largest magnitude; the probability that a magnitude goes
# no further, in 2^-32; the frequencies of 0 in one-sided tables, and those in two-sided ones.
LARGEST, STOP, ZEROS = range(3)
ZERO_ODDS = 16
SCALE_FIELDS = ZEROS + 2 * ZERO_ODDS
SPREADS = 4

# Fields of a set: number of keys; columns and rows of cells; low bits of a gap; scale, zero and
# spread of the table of its quotients.
SIZE, COLUMNS, ROWS, LOW_BITS, OWN_SCALE, OWN_ZERO, OWN_SPREAD = range(7)
SET_FIELDS = 7

# Fields of a group of a column: the mode of the column; scale, zero, spread and positive of the
# table; the centre.
MODE, SCALE, ZERO, SPREAD, POSITIVE, CENTRE = range(6)
GROUP_FIELDS = 6

# Statuses. OK; the payload cannot hold an array; a magnitude is at or above its bound; a gap or a
# key is beyond the last cell; a magnitude is negative; a share of positive values, a scale or a
# centre is out of range; a scale is one that sets do not have; an amplitude class is out of range;
# the payload does not end where its numbers do.
OK, TOO_MANY, OUT_OF_RANGE, WIDE_GAP, HIGH_KEY, NEGATIVE = range(6)
BAD_SHARE, BAD_SCALE, BAD_CENTRE, HIGH_SCALE, BAD_CLASS, BAD_END = range(6, 12)

# Least frequency of the symbols that are escapes.
ESCAPE_FREQUENCY = 256

# Scales of tables; beyond LAST_WHOLE each octave of them leaves one more low bit of a value raw.
SCALES = 64
LAST_WHOLE = 27

# Bits of the exponent of an Exp-Golomb-like number, of a level, of a share of signs, and of the
# packed scale (5), zero (4) and spread (2) of a set. A share of EVEN_SHARE makes signs raw.
EXPONENT_BITS = 5
LEVEL_BITS = 4
SHARE_BITS = 5
EVEN_SHARE = 16
OWN_BITS = 11

# Bits of the number that holds the mode and the zero of a column.
MODE_BITS = 2
HEAD_BITS = 6

# Modes of a column: values; values less a centre; magnitudes less a centre, and signs; values less
# their least, with an explicit histogram, whose size is the scale plus HISTOGRAM_SIZE_MIN.
PLAIN, CENTRED, SIGN_MAGNITUDE, HISTOGRAM = range(4)
HISTOGRAM_SIZE_MIN = 2

# The predicted scale of the first group; the predicted growth of scales where values are expected
# to double from group to group; the share of positive values, in sixteenths, that is predicted.
FIRST_SCALE = 8
SCALE_GROWTH = 3
POSITIVE_EVEN = 8

# Scale, zero, spread and positive of the tables of shares of positive values, of steps of scales,
# and of steps of centres; the levels of the histogram of spreads.
POSITIVE_TABLE = (10, 7, 0, POSITIVE_EVEN)
SCALE_STEP_TABLE = (11, 4, 0, POSITIVE_EVEN)
CENTRE_STEP_TABLE = (14, 7, 3, POSITIVE_EVEN)
SPREAD_LEVELS = (15, 9, 7, 6)

# The zero of the quotients of gaps, unless a set has its own.
SET_ZERO = 6

# Magnitudes of values and centres are below VALUE_BOUND; those of steps below STEP_BOUND.
VALUE_BOUND = 1 << 30
STEP_BOUND = 1 << 31

# Profile `gsic`. Rows before the log-scale: P, A, column and row of the cell. Groups of fewer rows
# are joined; the number of amplitude classes, and the one that is predicted where P = 0; the step
# of the log-scale is 2^(LOG_SCALE_EXPONENT - A).
PLACE_ROWS = 4
LEAST_GROUP = 16
AMPLITUDE_CLASSES = 16
EXPECTED_CLASS = 2
LOG_SCALE_EXPONENT = 1
# Of so many Gaussians, every number that stands between payload and rows has 32 bits.
MAX_GAUSSIANS = 1 << 26
