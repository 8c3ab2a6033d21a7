"""Entropy coding of integers: ANS and range coder, frequency tables, columns, sorted sets."""
