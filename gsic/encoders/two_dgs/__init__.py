"""The encoder of profile `2dgs` (Zhang et al., APSIPA 2024).

Start at `encoder`.
"""
