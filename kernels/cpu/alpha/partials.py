"""The columns of partial gradients, which the strips find and `reduce_gradients` adds up.

With e = exp(-q) within the cutoff, w = opacity times weight and g = dL/dw, a row holds the sums of
g e times u, u dx, u dy, dy and dy^2, then of g w, and from BY_COLOR on the gradient by colour.
"""

BY_U, BY_U_DX, BY_U_DY, BY_DY, BY_DY2, BY_OPACITY, BY_COLOR = 0, 1, 2, 3, 4, 5, 6
