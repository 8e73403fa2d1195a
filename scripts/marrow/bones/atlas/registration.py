"""Registers one subject to another: affine from the body's outline and water, then deformable.

The affine step maximises the correlation of water within the body and a margin, so that it is independent of gains. The
deformable step is demons with symmetric forces and Gaussian smoothing of the displacement (Thirion 1998; Vercauteren et
al., "Non-parametric diffeomorphic image registration with the demons algorithm", 2007), coarse to fine. Outside its
field of view the moving scan gets the values of the fixed scan, so that its truncated end exerts no force.

A step is kept only if it increases the correlation of water within the fixed body. Transforms map fixed points to
moving points, as in ITK. Every voxel is sampled and the number of iterations is fixed: the result needs no seed and
does not depend on threads.
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
class RegistrationSettings:
    """Settings of a registration, of the section `bones.atlas` of the config, where its schema says what each means.

    The result does not depend on the number of threads.
    """

    spacing_mm: float
    iterations: tuple[int, ...]
    smoothing_voxels: float
    threads: int = 1

    @classmethod
    def of(cls, settings: Mapping[str, Any], threads: int) -> "RegistrationSettings":
        """The settings in a section of the config."""
        return cls(
            spacing_mm=float(settings["spacing_mm"]),
            iterations=tuple(int(count) for count in settings["iterations"]),
            smoothing_voxels=float(settings["smoothing_voxels"]),
            threads=threads,
        )


@dataclass(frozen=True)
class Registration:
    """The result of a registration.

    Attributes:
        transform: from fixed to moving points; affine, or affine after a displacement.
        affine: the affine part alone.
        correlations: of water within the fixed body at the start, after the affine step, and after the displacement.
    """

    transform: sitk.Transform
    affine: sitk.AffineTransform
    correlations: tuple[float, ...]


def register(fixed: Subject, moving: Subject, settings: RegistrationSettings) -> Registration:
    """Register `moving` to `fixed`; a step that decreases the correlation is left out, with a warning in the log."""
    start = match(profile_of(fixed.body), profile_of(moving.body)).transform
    at_start = correlation(fixed, moving, start)
    affine = _affine(start, fixed.at(AFFINE_MM), moving.at(AFFINE_MM))
    after_affine = correlation(fixed, moving, affine)
    if after_affine < at_start:
        _log.warning(
            "the affine fit (correlation %.3f) is worse than its start (%.3f): the start is kept",
            after_affine,
            at_start,
        )
        affine, after_affine = start, at_start
    displacement = _demons(affine, fixed, moving, settings)
    deformed = sitk.CompositeTransform([affine, displacement])
    after_demons = correlation(fixed, moving, deformed)
    if after_demons < after_affine:
        _log.warning(
            "the deformation (correlation %.3f) is worse than the affine fit (%.3f): it is left out",
            after_demons,
            after_affine,
        )
        return Registration(affine, affine, (at_start, after_affine, after_affine))
    return Registration(deformed, affine, (at_start, after_affine, after_demons))


def correlation(fixed: Subject, moving: Subject, transform: sitk.Transform) -> float:
    """The correlation of water within the fixed body and the moving scan's field of view; 0 without overlap."""
    warped = sitk.GetArrayFromImage(sitk.Resample(moving.water, fixed.water, transform, sitk.sitkLinear, OUTSIDE))
    in_view = (voxels(fixed.body) != 0) & (warped > OUTSIDE / 2)
    if np.count_nonzero(in_view) < 2:
        return 0.0
    a, b = voxels(fixed.water)[in_view].astype(np.float64), warped[in_view].astype(np.float64)
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / max(np.sqrt((a @ a) * (b @ b)), 1e-12))


def _affine(start: sitk.AffineTransform, fixed: Subject, moving: Subject) -> sitk.AffineTransform:
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)  # sums over several threads would differ in their last digits
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
    transform = _with_centre(transform, centre)
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(fixed.water, moving.water)
    except RuntimeError as error:  # too few voxels overlap
        _log.warning("the affine fit gave up: %s", str(error).strip().splitlines()[-1])
        return start
    return transform


def _with_centre(transform: sitk.AffineTransform, centre: tuple[float, ...]) -> sitk.AffineTransform:
    """The same map with another centre, so that the optimiser rotates about the middle of the body."""
    recentred = sitk.AffineTransform(3)
    recentred.SetMatrix(transform.GetMatrix())
    recentred.SetCenter(centre)
    recentred.SetTranslation(tuple(np.subtract(transform.TransformPoint(centre), centre).tolist()))
    return recentred


def _demons(
    affine: sitk.AffineTransform, fixed: Subject, moving: Subject, settings: RegistrationSettings
) -> sitk.DisplacementFieldTransform:
    field: sitk.Image | None = None
    levels = len(settings.iterations)
    for level, iterations in enumerate(settings.iterations):
        spacing_mm = settings.spacing_mm * 2 ** (levels - 1 - level)
        target, source = fixed.at(spacing_mm).water, moving.at(spacing_mm).water
        demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
        demons.SetNumberOfThreads(settings.threads)
        demons.SetNumberOfIterations(iterations)
        demons.SetMaximumRMSError(0.0)  # always the iterations asked for
        demons.SetStandardDeviations(settings.smoothing_voxels)
        demons.SetSmoothDisplacementField(True)
        if field is None:
            field = demons.Execute(target, _onto(target, source, affine))
        else:
            field = sitk.Resample(field, target, sitk.Transform(), sitk.sitkLinear, useNearestNeighborExtrapolator=True)
            field = demons.Execute(target, _onto(target, source, affine), field)
    if field is None:
        field = sitk.Image(fixed.water.GetSize(), sitk.sitkVectorFloat64)
        field.CopyInformation(fixed.water)
    # A displacement field ends with its grid; edge voxels of finer grids are up to half a voxel outside of it.
    padded = sitk.ZeroFluxNeumannPad(sitk.Cast(field, sitk.sitkVectorFloat64), [1] * 3, [1] * 3)
    return sitk.DisplacementFieldTransform(padded)


def _onto(fixed: sitk.Image, moving: sitk.Image, affine: sitk.AffineTransform) -> sitk.Image:
    """The moving image on the fixed grid; the fixed image outside the moving scan's field of view."""
    warped = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, affine, sitk.sitkLinear, OUTSIDE))
    return with_voxels(np.where(warped > OUTSIDE / 2, warped, voxels(fixed)).astype(np.float32), fixed)
