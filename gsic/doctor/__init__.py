"""`gsic doctor`: what a bug report needs to know of an installation, and whether it works.

`examination.examine` asks all questions; `versions`, `machine` and `kernel_cache` each answer some,
and `self_test` encodes and decodes an image.
"""
