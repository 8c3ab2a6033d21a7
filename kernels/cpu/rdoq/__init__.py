"""Rate-distortion optimised quantisation (RDOQ). Start at `rdoq_pass`."""
