"""A fit whose Gaussians stay on the GPU from step to step."""
