"""Profile `gaussianimage`: its integers, their meaning and their bytes; FORMAT.md section 8."""
