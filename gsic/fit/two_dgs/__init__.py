"""The fit of the profile `2dgs` (Zhang et al., APSIPA 2024)."""
