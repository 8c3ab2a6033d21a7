"""The base of all CPU kernels: the SIMD type, the thread pool, and compilation."""
