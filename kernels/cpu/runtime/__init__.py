"""What all CPU kernels stand on: the SIMD type, the thread pool, and compilation."""
