"""Alpha blending of Gaussians on the CPU, and its gradient.

Start at `render`. `workspace` runs the steps: `records` and `binning` prepare the Gaussians, then
the kernels of `forward` and `backward` draw them, a strip of rows at a time. `per_gaussian` limits
the Gaussians beforehand and adds up their gradients afterwards.
"""
