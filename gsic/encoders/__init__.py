"""The encoders, a folder for each profile: an image and a rate to a file.

`registry` finds the encoder of a profile; `base` says how every encoder is called.
"""
