"""The polynomial that all CPU kernels evaluate in place of exp(-q)."""

# A polynomial that approximates exp(-z) on 0 <= z <= 2, from the coefficient of z^5 down to the
# constant: weighted minimax of degree 5 with the constant held at 1, so that the centre of a
# Gaussian has a weight of exactly 1. Its 8th power, three squarings, is within 2e-7 of exp(-8 z),
# and within 6e-7 with float32 rounding.
EXP_COEFFICIENTS = (
    -0.005683351585629732,
    0.03969855954144699,
    -0.16604719003792975,
    0.49992334645030734,
    -0.9999972920570864,
    1.0,
)
EXP_SQUARINGS = 3
