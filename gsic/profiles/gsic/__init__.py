"""The decoder side of profile `gsic`: FORMAT.md section 6."""
