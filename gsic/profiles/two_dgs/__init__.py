"""The decoder side of profile `2dgs`: FORMAT.md section 9."""
