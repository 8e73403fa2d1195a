"""One subject onto another: an affine map from the body's outline and water, then a smooth displacement.

The affine step maximises the correlation of water within the body (and a margin around it), so gains do not matter. The
deformable step is demons with symmetric forces and Gaussian smoothing of the displacement (Thirion 1998; Vercauteren et
al., "Non-parametric diffeomorphic image registration with the demons algorithm", 2007), coarse to fine. Where the
moving scan has no voxels it is given the fixed scan's values, so that its cut end pulls at nothing.

Each step is kept only if it raises the correlation of water within the fixed body. Points map from fixed to moving, as
in ITK. Every voxel is sampled and every step is counted out in advance: no seeds, and no dependence on threads.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from marrow.bones.atlas.profile import match, profile_of
from marrow.bones.atlas.subject import Subject
from marrow.imaging.volume import voxels, with_voxels

_log = logging.getLogger(__name__)

AFFINE_MM = 12.0
AFFINE_STEPS = 40
MARGIN_MM = 12.0
OUTSIDE = -1.0  # water is never negative


@dataclass(frozen=True)
class Effort:
    """How registration goes about it.

    Attributes:
        spacing_mm: the finest voxels it works on.
        iterations: of demons, coarse to fine; each level has half the voxel size of the one before.
        smoothing_voxels: sigma of the Gaussian that smooths the displacement after each iteration.
        threads: what may be used; the result does not depend on it.
    """

    spacing_mm: float
    iterations: tuple[int, ...]
    smoothing_voxels: float
    threads: int = 1

    @classmethod
    def of(cls, settings: Mapping[str, Any], threads: int) -> "Effort":
        """The effort that the config asks for."""
        return cls(
            spacing_mm=float(settings["spacing_mm"]),
            iterations=tuple(int(count) for count in settings["iterations"]),
            smoothing_voxels=float(settings["smoothing_voxels"]),
            threads=threads,
        )


@dataclass(frozen=True)
class Registration:
    """A map from fixed to moving points.

    Attributes:
        transform: affine, or affine after displacement.
        affine: the affine part alone.
        correlations: of water within the fixed body at the start, after the affine step, and after the displacement.
    """

    transform: sitk.Transform
    affine: sitk.AffineTransform
    correlations: tuple[float, ...]


def register(fixed: Subject, moving: Subject, effort: Effort) -> Registration:
    """Bring `moving` onto `fixed`; a step that makes the fit worse is left out, and that is told."""
    return register_from(match(profile_of(fixed.body), profile_of(moving.body)).transform, fixed, moving, effort)


def register_from(start: sitk.AffineTransform, fixed: Subject, moving: Subject, effort: Effort) -> Registration:
    """The same from a given start."""
    first = correlation(fixed, moving, start)
    affine = _affine(start, fixed.at(AFFINE_MM), moving.at(AFFINE_MM))
    second = correlation(fixed, moving, affine)
    if second < first:
        _log.warning(
            "the affine fit (correlation %.3f) is worse than its start (%.3f): the start is kept", second, first
        )
        affine, second = start, first
    displacement = _demons(affine, fixed, moving, effort)
    whole = sitk.CompositeTransform([affine, displacement])
    third = correlation(fixed, moving, whole)
    if third < second:
        _log.warning(
            "the deformation (correlation %.3f) is worse than the affine fit (%.3f): it is left out", third, second
        )
        return Registration(affine, affine, (first, second, second))
    return Registration(whole, affine, (first, second, third))


def correlation(fixed: Subject, moving: Subject, transform: sitk.Transform) -> float:
    """The correlation of water within the fixed body, where the moving scan has voxels; 0 where there is no overlap."""
    warped = sitk.GetArrayFromImage(sitk.Resample(moving.water, fixed.water, transform, sitk.sitkLinear, OUTSIDE))
    seen = (voxels(fixed.body) != 0) & (warped > OUTSIDE / 2)
    if np.count_nonzero(seen) < 2:
        return 0.0
    a, b = voxels(fixed.water)[seen].astype(np.float64), warped[seen].astype(np.float64)
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / max(np.sqrt((a @ a) * (b @ b)), 1e-12))


def _affine(start: sitk.AffineTransform, fixed: Subject, moving: Subject) -> sitk.AffineTransform:
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)  # sums over threads would differ in their last digits
    method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.NONE)
    radius = max(1, round(MARGIN_MM / fixed.body.GetSpacing()[0]))
    method.SetMetricFixedMask(sitk.BinaryDilate(fixed.body, [radius] * 3))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=4.0, minStep=0.1, numberOfIterations=AFFINE_STEPS, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    transform = sitk.AffineTransform(start)
    centre = fixed.body.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in fixed.body.GetSize()])
    transform = _about(transform, centre)
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(fixed.water, moving.water)
    except RuntimeError as error:  # too few voxels overlap
        _log.warning("the affine fit gave up: %s", str(error).strip().splitlines()[-1])
        return start
    return transform


def _about(transform: sitk.AffineTransform, centre: tuple[float, ...]) -> sitk.AffineTransform:
    """The same map, written with another centre; a step of the optimiser then turns the body about itself."""
    moved = sitk.AffineTransform(3)
    moved.SetMatrix(transform.GetMatrix())
    moved.SetCenter(centre)
    moved.SetTranslation(tuple(np.subtract(transform.TransformPoint(centre), centre).tolist()))
    return moved


def _demons(
    affine: sitk.AffineTransform, fixed: Subject, moving: Subject, effort: Effort
) -> sitk.DisplacementFieldTransform:
    field: sitk.Image | None = None
    levels = len(effort.iterations)
    for level, iterations in enumerate(effort.iterations):
        spacing_mm = effort.spacing_mm * 2 ** (levels - 1 - level)
        target, source = fixed.at(spacing_mm).water, moving.at(spacing_mm).water
        demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
        demons.SetNumberOfThreads(effort.threads)
        demons.SetNumberOfIterations(iterations)
        demons.SetMaximumRMSError(0.0)  # always the iterations asked for
        demons.SetStandardDeviations(effort.smoothing_voxels)
        demons.SetSmoothDisplacementField(True)
        if field is None:
            field = demons.Execute(target, _onto(target, source, affine))
        else:
            field = sitk.Resample(field, target, sitk.Transform(), sitk.sitkLinear, useNearestNeighborExtrapolator=True)
            field = demons.Execute(target, _onto(target, source, affine), field)
    if field is None:
        field = sitk.Image(fixed.water.GetSize(), sitk.sitkVectorFloat64)
        field.CopyInformation(fixed.water)
    # A displacement ends where its grid ends; half a voxel further out lie the edge voxels of finer grids.
    wider = sitk.ZeroFluxNeumannPad(sitk.Cast(field, sitk.sitkVectorFloat64), [1] * 3, [1] * 3)
    return sitk.DisplacementFieldTransform(wider)


def _onto(fixed: sitk.Image, moving: sitk.Image, affine: sitk.AffineTransform) -> sitk.Image:
    """The moving image on the fixed grid; the fixed image itself where the moving scan has no voxels."""
    warped = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, affine, sitk.sitkLinear, OUTSIDE))
    return with_voxels(np.where(warped > OUTSIDE / 2, warped, voxels(fixed)).astype(np.float32), fixed)
