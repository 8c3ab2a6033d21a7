"""Profile `2dgs`: its integers, their meaning and their bytes; FORMAT.md section 9."""
