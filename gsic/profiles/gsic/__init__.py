"""Profile `gsic`: its integers, their meaning and their bytes; FORMAT.md section 7."""
