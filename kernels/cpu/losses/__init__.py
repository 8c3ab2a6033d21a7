"""Losses against a target image: squared and absolute error, SSIM and MS-SSIM."""
