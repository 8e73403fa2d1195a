"""The signal of each tissue on fat, water, b50 and b900, relative to subcutaneous fat on the fat image.

The values are plausible rather than measured: T1-weighted gradient-echo Dixon, and fat-suppressed diffusion, where
tissues of high cell density (brain, spleen, kidney, bowel wall, lymph nodes, testes, active myeloma) stay bright at
b900 and free water (cerebrospinal fluid, urine) becomes dark.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CONTRASTS = ("fat", "water", "b50", "b900")
Signal = npt.NDArray[np.float32]

TISSUES: dict[str, tuple[float, float, float, float]] = {
    "air": (0.0, 0.0, 0.0, 0.0),
    "skin": (0.25, 0.42, 0.14, 0.05),
    "fat": (1.0, 0.07, 0.05, 0.02),
    "visceral_fat": (0.86, 0.12, 0.08, 0.03),
    "muscle": (0.06, 0.56, 0.26, 0.075),
    "tendon": (0.08, 0.18, 0.06, 0.02),
    "lung": (0.015, 0.06, 0.05, 0.015),
    "myocardium": (0.05, 0.62, 0.22, 0.06),
    "blood": (0.05, 0.52, 0.16, 0.03),
    "vessel": (0.05, 0.66, 0.10, 0.02),
    "liver": (0.06, 0.74, 0.36, 0.11),
    "gallbladder": (0.03, 0.35, 0.95, 0.10),
    "spleen": (0.04, 0.56, 0.82, 0.58),
    "pancreas": (0.12, 0.70, 0.45, 0.20),
    "kidney": (0.05, 0.60, 0.80, 0.50),
    "bowel_wall": (0.06, 0.56, 0.55, 0.34),
    "bowel_content": (0.06, 0.34, 0.34, 0.08),
    "gas": (0.01, 0.02, 0.02, 0.01),
    "bladder": (0.02, 0.30, 1.10, 0.10),
    "prostate": (0.06, 0.54, 0.60, 0.30),
    "testis": (0.03, 0.56, 0.90, 0.70),
    "uterus": (0.05, 0.58, 0.62, 0.30),
    "lymph_node": (0.10, 0.52, 0.80, 0.55),
    "gland": (0.30, 0.52, 0.55, 0.33),
    "grey_matter": (0.03, 0.47, 0.78, 0.60),
    "white_matter": (0.04, 0.62, 0.62, 0.50),
    "csf": (0.02, 0.20, 1.05, 0.05),
    "cord": (0.04, 0.54, 0.60, 0.44),
    "nerve": (0.15, 0.45, 0.50, 0.30),
    "eye": (0.02, 0.24, 1.0, 0.05),
    "mucosa": (0.10, 0.52, 0.65, 0.30),
    "disc": (0.05, 0.36, 0.34, 0.07),
    "cartilage": (0.08, 0.46, 0.24, 0.06),
    "cortex": (0.03, 0.04, 0.02, 0.008),
    "red_marrow": (0.40, 0.34, 0.25, 0.17),
    "yellow_marrow": (0.88, 0.10, 0.06, 0.025),
    "lesion": (0.05, 0.70, 0.85, 0.70),
    "treated": (0.80, 0.14, 0.06, 0.020),
}


@dataclass(frozen=True)
class Palette:
    """The signals of one patient's tissues, in the order of `contrasts`."""

    contrasts: tuple[str, ...]
    signals: dict[str, Signal]

    def __getitem__(self, tissue: str) -> Signal:
        """Signal per contrast: `(contrasts,)`."""
        return self.signals[tissue]


def palette(contrasts: tuple[str, ...], spread: float, draw: np.random.Generator) -> Palette:
    """The table with the signal of every tissue varied by a log-normal factor of sigma `spread` for one patient."""
    columns = [CONTRASTS.index(contrast) for contrast in contrasts]
    varied = {
        tissue: (np.asarray(signal) * np.exp(draw.normal(0, spread, len(CONTRASTS))))[columns].astype(np.float32)
        for tissue, signal in TISSUES.items()
    }
    return Palette(contrasts, varied)
