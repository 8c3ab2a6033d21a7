"""The encoder of profile `gsic`: float fit, quantisation-aware training, RDOQ, rate control.

Start at `encoder`.
"""
