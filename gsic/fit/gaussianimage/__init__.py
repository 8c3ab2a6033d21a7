"""GaussianImage (Zhang et al., ECCV 2024): fit, quantisation-aware fine-tuning, file."""
