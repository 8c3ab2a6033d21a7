"""Entropy decoding: range asymmetric numeral systems (rANS). Start at `decoder`."""
