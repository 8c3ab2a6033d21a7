"""Steps of a fit on the CPU: parameters become splats, and gradients of splats move parameters."""
