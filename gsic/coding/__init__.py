"""Symbols to bits and back: ANS, integer models, fitted value streams, sorted sets."""
