"""What GaussianImage (Zhang et al., ECCV 2024) published: its tables, and figure 4 read off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Settings = Mapping[str, str | float | int]

# PSNR, MS-SSIM, training seconds, frames a second, MiB of GPU memory, thousands of parameters.
TABLE_1 = {
    "Kodak": (
        ("WIRE", 41.47, 0.9939, 14338.78, 11.14, 2619, 136.74),
        ("SIREN", 40.83, 0.9960, 6582.36, 29.15, 1809, 272.70),
        ("I-NGP", 43.88, 0.9976, 490.61, 1296.82, 1525, 300.09),
        ("NeuRBF", 43.78, 0.9964, 991.83, 663.01, 2091, 337.29),
        ("3D GS", 43.69, 0.9991, 339.78, 859.44, 557, 3540.00),
        ("GaussianImage", 44.08, 0.9985, 106.59, 2092.17, 419, 560.00),
    ),
    "DIV2K": (
        ("WIRE", 35.64, 0.9511, 25684.23, 14.25, 2619, 136.74),
        ("SIREN", 39.08, 0.9958, 15125.11, 11.07, 2053, 483.60),
        ("I-NGP", 37.06, 0.9950, 676.29, 1331.54, 1906, 525.40),
        ("NeuRBF", 38.60, 0.9913, 1715.44, 706.40, 2893, 383.65),
        ("3D GS", 39.36, 0.9979, 481.27, 640.33, 709, 4130.00),
        ("GaussianImage", 39.53, 0.9975, 120.76, 1737.60, 439, 560.00),
    ),
}
# bpp, PSNR, MS-SSIM, encodings and decodings a second.
TABLE_2 = (
    ("JPEG", 0.3197, 25.2920, 0.9020, 608.61, 614.68),
    ("JPEG 2000", 0.2394, 27.2792, 0.9305, 3.46, 4.32),
    ("Ballé17", 0.2271, 27.7168, 0.9508, 21.23, 18.83),
    ("Ballé18", 0.2533, 28.7548, 0.9584, 16.53, 15.87),
    ("COIN", 0.3419, 25.8012, 0.8905, 8.68e-6, 166.31),
    ("GaussianImage", 0.3164, 25.6631, 0.9154, 4.11e-3, 942.50),
)


@dataclass(frozen=True)
class Fitted:
    """A row of table 3: its name, how it is fitted (None: not made here), published values."""

    name: str
    how: Settings | None
    psnr: float
    ms_ssim: float
    seconds: float
    fps: float
    parameters: float


_L2: Settings = {}
TABLE_3 = (
    Fitted("3D GS (L1+SSIM)", None, 37.75, 0.9961, 285.26, 1067, 1770),
    Fitted("3D GS (L2)", None, 37.41, 0.9947, 197.90, 1190, 1770),
    Fitted("alpha, opacity kept", {"blend": "alpha"}, 37.89, 0.9961, 104.76, 2340, 270),
    Fitted("sum, opacity kept", {"blend": "sum+opacity"}, 38.69, 0.9963, 98.54, 2555, 270),
    Fitted("sum, merged (L2, Cholesky)", _L2, 38.57, 0.9961, 91.06, 2565, 240),
    Fitted("L1", {"loss": "l1"}, 36.46, 0.9937, 92.68, 2438, 240),
    Fitted("SSIM", {"loss": "ssim"}, 35.65, 0.9952, 183.20, 2515, 240),
    Fitted("L1+SSIM", {"loss": "l1+ssim"}, 36.57, 0.9945, 188.22, 2576, 240),
    Fitted("L2+SSIM", {"loss": "l2+ssim"}, 34.73, 0.9932, 189.17, 2481, 240),
    Fitted("RS", {"covariance": "rs"}, 38.83, 0.9964, 98.55, 2321, 240),
)
# BD-PSNR dB, BD-rate %, BD-MS-SSIM, BD-rate % by MS-SSIM.
TABLE_4 = {
    "default": (0.0, 0.0, 0.0, 0.0),
    "V1": (-3.061, 294.82, -0.0820, 304.21),
    "V2": (-0.176, 6.50, -0.0035, 8.49),
    "V3": (-0.248, 10.16, -0.0081, 16.80),
}
TABLE_4_NAMES = {
    "default": "commitment, RVQ, 6 bit",
    "V1": "V1: no commitment, RVQ, 6 bit",
    "V2": "V2: no RVQ, 6 bit",
    "V3": "V3: no RVQ, 8 bit",
    "RS": "commitment, RVQ, 6 bit, RS",
    "paper": "as eq. 8 and eq. 10 are printed",
}
# Gaussians: bpp packed, with bits-back, bound (eq. 11); PSNR read off figure 4, Kodak.
LADDER = {
    800: (0.1183, 0.1041, 0.1017, 24.66),
    1000: (0.1468, 0.1284, 0.1251, 25.05),
    3000: (0.4316, 0.3676, 0.3545, 27.38),
    5000: (0.7165, 0.6032, 0.5786, 28.7),
    7000: (1.0013, 0.8368, 0.7996, 29.64),
    9000: (1.2861, 1.0690, 1.0185, 30.49),
}
