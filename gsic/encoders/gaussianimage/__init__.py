"""The encoder of profile `gaussianimage` (Zhang et al., ECCV 2024).

Start at `encoder`.
"""
