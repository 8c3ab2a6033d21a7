"""The other codecs of `gsic bench`, each at the strength that engineers use.

`registry.BASELINES` is the one list of them; `base.Baseline` is what each of them offers; the other
modules hold one library each. A library that is not installed is imported by nothing: its codec
says what is missing.
"""
