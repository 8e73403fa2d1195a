"""The apparent diffusion coefficient, from a low and a high b-value.

    ADC = ln(S_low / S_high) / (b_high - b_low)

in 1e-6 mm2/s: about 200-700 in healthy fatty marrow, 700-1000 in active disease, 2000 and more in fluid. With b50 as
the low value the blood in capillaries is dephased already, so perfusion does not add to it.
"""

import numpy as np
import SimpleITK as sitk

from marrow.errors import MarrowError
from marrow.imaging.volume import FloatArray, intensities, mask_of, same_grid, with_voxels

UNIT = 1e6
LARGEST = 4000.0  # free water at body temperature has 3000; higher values are noise


def apparent_diffusion(low: sitk.Image, high: sitk.Image, b_low: float, b_high: float, body: sitk.Image) -> sitk.Image:
    """The ADC map on the grid of `low`; 0 outside the body and where a signal is not positive.

    `high` and `body` may be on other grids; b-values are in s/mm2.

    Raises:
        MarrowError: the b-values are not in order.
    """
    if not 0 <= b_low < b_high:
        raise MarrowError(
            f"the b-values {b_low:g} and {b_high:g} must rise; mend b_value in `contrasts` of the config, or b_low "
            "and b_high in the sheet"
        )
    on_grid = high if same_grid(low, high) else sitk.Resample(high, low, sitk.Transform(), sitk.sitkLinear, 0.0)
    inside = sitk.Resample(body, low, sitk.Transform(), sitk.sitkNearestNeighbor, 0.0)
    array = _adc(intensities(low), intensities(on_grid), b_high - b_low)
    return with_voxels(np.where(mask_of(inside), array, np.float32(0)), low)


def _adc(low: FloatArray, high: FloatArray, b_difference: float) -> FloatArray:
    measured = (low > 0) & (high > 0)
    ratio = np.divide(low, high, out=np.ones_like(low), where=measured)
    return np.clip(np.float32(UNIT / b_difference) * np.log(ratio), np.float32(0), np.float32(LARGEST))
