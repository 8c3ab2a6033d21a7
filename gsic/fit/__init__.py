"""Everything that optimises: Gaussians of an image, in floats and for a rate."""

from gsic.fit.result import Fit

__all__ = ["Fit"]
