"""The decoder side of profile `gaussianimage`: FORMAT.md section 8."""
