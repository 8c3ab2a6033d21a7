"""An image to symbols at a rate: float fit, tuning, and the last trim to the exact target."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from gsic_kernels.registry import Backend
from numpy.typing import NDArray

from gsic.fit import loop
from gsic.fit.gaussian_fit import GaussianFit, Schedule
from gsic.fit.recipe import EncodeRecipe
from gsic.fit.tuning import Snapshot, Tuning, solve_bits
from gsic.gaussians import COVARIANCES
from gsic.profiles.gsic import Header, Symbols, nearest_step_index

Float32 = NDArray[np.float32]
Progress = Callable[[int, int, str], None]


class Coded(NamedTuple):
    """A complete file and the PSNR in dB of what a decoder shows."""

    data: bytes
    psnr: float

def tune_to_bits(planes, target_bits, recipe, seed, backend, threads, say=None, gaussians=None):
    from gsic.fit.losses import objective
    rng = np.random.default_rng(seed)
    H,W,C=planes.shape
    bgb=tuple(int(v) for v in np.rint(255*planes.mean(axis=(0,1),dtype=np.float64)))
    header=Header(W,H,C,0,bgb)
    fit = GaussianFit(planes, objective(backend, planes, "l2", threads), header.background_color, COVARIANCES["log"], recipe)
    N=gaussians or max(1,round(target_bits/recipe.gaussian_bits))
    sched=Schedule(recipe,recipe.steps)
    tune_steps=round(recipe.steps*recipe.tune_share); first=recipe.steps-tune_steps
    loop.run(fit,planes,N,first,rng,None,sched)
    fp=fit.draw_error(fit.splats())
    header=Header(W,H,C,nearest_step_index(math.sqrt(12*10**(-fp/10))*2),bgb)
    t=Tuning(fit,recipe,header)
    def choose(share):
        keep = recipe.anticipated if share==0 else 1-(1-recipe.anticipated)*(1-share)**2*.5
        return solve_bits(t,target_bits/keep)
    snap=t.run(tune_steps,lambda k: recipe.tune_rate*sched.rate(first+k),choose,lambda k,l: None)
    return fit,t,snap,fp
