"""The standard scale against `NyulNormalizer` of intensity-normalization, and what Marrow promises beyond it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from intensity_normalization.adapters.images import NumpyImageAdapter
from intensity_normalization.normalizers.population.nyul import NyulNormalizer

import find_landmarks as find_landmarks_rule
import fit_standard
import standardise_scan
from marrow.errors import MarrowError, ScanStopped, Stopped
from marrow.imaging.grid import Grid
from marrow.imaging.nifti import map_voxels, write_voxels
from marrow.imaging.standard.fit import fit_scale
from marrow.imaging.standard.landmarks import find_landmarks
from marrow.imaging.standard.piecewise_linear import PiecewiseLinear
from marrow.imaging.standard.standard_scale import ScanLandmarks, StandardScale
from marrow.imaging.standard.standardise import SLICES, standardise

fixed = settings(max_examples=150)

PERCENTILES = [1.0, *(float(decile) for decile in range(10, 100, 10)), 99.0]
OUTPUT = (1.0, 100.0)


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A volume and a mask: skewed or quantised, with negative values or without, from a few voxels to thousands."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = tuple(draw(st.integers(2, 24)) for _ in range(3))
    volume = random.gamma(draw(st.sampled_from([0.5, 2.0, 20.0])), 100, shape) - draw(st.sampled_from([0, 150, 5000]))
    step = draw(st.sampled_from([0, 0, 1, 40, 200]))
    if step:
        volume = np.round(volume / step) * step
    body = random.random(shape) < draw(st.sampled_from([0.3, 0.8, 1.0]))
    return volume.astype(np.float32), body


def adapted(volume: np.ndarray, body: np.ndarray) -> tuple[NumpyImageAdapter, NumpyImageAdapter]:
    return NumpyImageAdapter(volume), NumpyImageAdapter(body)


def fitted(*scans: tuple[np.ndarray, np.ndarray]) -> NyulNormalizer:
    volumes, masks = zip(*(adapted(*scan) for scan in scans), strict=True)
    return NyulNormalizer().fit_population(volumes, masks)


def standard_of(*scans: tuple[np.ndarray, np.ndarray]) -> StandardScale:
    return fit_scale([scan_landmarks(volume, body) for volume, body in scans])


def scan_landmarks(
    volume: np.ndarray, body: np.ndarray, percentiles: list[float] = PERCENTILES, output: tuple[float, float] = OUTPUT
) -> ScanLandmarks:
    return ScanLandmarks(tuple(percentiles), output, tuple(find_landmarks(volume, body, percentiles).tolist()))


def has_scale(volume: np.ndarray, body: np.ndarray) -> bool:
    return bool(body.any()) and bool(np.ptp(np.percentile(volume[body], [1, 99])) > 0)


def smooth_volume(seed: int, shape: tuple[int, ...] = (12, 11, 10)) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2, 100, shape).astype(np.float32)


@fixed
@given(images())
def test_landmarks_are_numpy_percentiles_to_the_last_bit(image: tuple[np.ndarray, np.ndarray]) -> None:
    volume, body = image
    assume(has_scale(volume, body))
    assert np.array_equal(find_landmarks(volume, body, PERCENTILES), np.percentile(volume[body], PERCENTILES))


@fixed
@given(st.lists(images(), min_size=1, max_size=4))
def test_the_mean_over_scans_is_the_fit_on_all_images(scans: list[tuple[np.ndarray, np.ndarray]]) -> None:
    assume(all(has_scale(*scan) for scan in scans))
    # the package rounds the outer two landmarks to single precision, which counts where an offset dwarfs the spread
    rounding = (
        max(np.abs(ends).max() / np.ptp(ends) for ends in (np.percentile(v[b], [1, 99]) for v, b in scans)) * 1e-7
    )
    tolerance = 1e-6 + 2 * rounding * np.ptp(OUTPUT)
    assert np.allclose(standard_of(*scans).values, fitted(*scans).standard_scale, rtol=1e-6, atol=tolerance)


@fixed
@given(
    st.lists(images(), min_size=1, max_size=3),
    st.lists(st.floats(0, 100), min_size=2, max_size=30, unique=True).map(sorted),
    st.sampled_from([OUTPUT, (0.0, 1.0), (-50.0, 4000.0)]),
)
def test_the_fit_is_the_mean_of_the_stretched_landmarks_whatever_the_percentiles(
    scans: list[tuple[np.ndarray, np.ndarray]], percentiles: list[float], output: tuple[float, float]
) -> None:
    ends = [percentiles[0], percentiles[-1]]
    assume(all(body.any() and np.ptp(np.percentile(volume[body], ends)) > 1 for volume, body in scans))
    found = [scan_landmarks(*scan, percentiles, output) for scan in scans]
    low, high = output
    stretched = [
        low + (high - low) * (np.array(scan.landmarks) - scan.landmarks[0]) / (scan.landmarks[-1] - scan.landmarks[0])
        for scan in found
    ]
    scale = fit_scale(found)
    # 1e-13 of an intensity is what double precision leaves of the largest offsets over the smallest spread
    assert np.allclose(scale.values, np.mean(stretched, axis=0), rtol=1e-11, atol=1e-11 * (high - low))
    assert scale.percentiles.tolist() == percentiles


@fixed
@given(images())
def test_between_the_outer_landmarks_the_map_is_that_of_the_package(image: tuple[np.ndarray, np.ndarray]) -> None:
    """With ties, too; only at coincident first landmarks, where the package divides by zero, is nothing to equal."""
    volume, body = image
    assume(has_scale(volume, body))
    normalizer = fitted((smooth_volume(1), np.ones((12, 11, 10), dtype=bool)))
    standard = StandardScale(np.array(normalizer.standard_scale), np.array(normalizer.percentiles))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        expected = normalizer.transform(*adapted(volume, body)).get_data()
    landmarks = np.percentile(volume[body], PERCENTILES)
    inner = body & (volume >= landmarks[0]) & (volume <= landmarks[-1])
    if landmarks[0] == landmarks[1]:
        inner &= volume > landmarks[0]
    result = standardise(volume, body, standard)
    assert np.allclose(result[inner], expected[inner], rtol=1e-6, atol=1e-6 * np.ptp(OUTPUT))


@fixed
@given(images())
def test_beyond_distinct_outer_landmarks_the_end_slopes_go_on_as_in_the_package(
    image: tuple[np.ndarray, np.ndarray],
) -> None:
    volume, body = image
    landmarks = np.percentile(volume[body], PERCENTILES) if body.any() else np.zeros(11)
    assume(landmarks[0] < landmarks[1] and landmarks[-2] < landmarks[-1])
    normalizer = fitted((volume, body))
    standard = StandardScale(np.array(normalizer.standard_scale), np.array(normalizer.percentiles))
    expected = normalizer.transform(*adapted(volume, body)).get_data()
    result = standardise(volume, body, standard)
    assert np.allclose(result[body], expected[body], rtol=1e-5, atol=1e-4)


@fixed
@given(images())
def test_the_result_is_finite_ordered_and_zero_outside_the_body(image: tuple[np.ndarray, np.ndarray]) -> None:
    volume, body = image
    assume(has_scale(volume, body))
    result = standardise(volume, body, standard_of((smooth_volume(1), np.ones((12, 11, 10), dtype=bool))))
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    assert (result[~body] == 0).all()
    order = np.argsort(volume[body], kind="stable")
    assert (np.diff(result[body][order]) >= -1e-4).all()


@fixed
@given(images(), st.sampled_from([np.nan, np.inf, -np.inf]), st.integers(0, 99))
def test_values_that_are_not_finite_become_zero_and_change_nothing_else(
    image: tuple[np.ndarray, np.ndarray], value: float, seed: int
) -> None:
    volume, body = image
    broken = np.random.default_rng(seed).random(volume.shape) < 0.2
    assume(has_scale(volume, body & ~broken))
    standard = standard_of((smooth_volume(1), np.ones((12, 11, 10), dtype=bool)))
    result = standardise(np.where(broken, np.float32(value), volume), body, standard)
    assert np.array_equal(result, standardise(volume, body & ~broken, standard))


@fixed
@given(images(), st.floats(0.01, 100), st.floats(-1000, 1000))
def test_gain_and_offset_of_the_scanner_cancel(
    image: tuple[np.ndarray, np.ndarray], gain: float, offset: float
) -> None:
    volume, body = image
    landmarks = np.percentile(volume[body], PERCENTILES) if body.any() else np.zeros(11)
    assume(np.diff(landmarks).min() > 1)
    standard = standard_of((smooth_volume(1), np.ones((12, 11, 10), dtype=bool)))
    changed = (volume.astype(np.float64) * gain + offset).astype(np.float32)
    tolerance = 1e-3 * (1 + abs(offset) / gain)
    assert np.allclose(
        standardise(changed, body, standard), standardise(volume, body, standard), rtol=1e-3, atol=tolerance
    )


def test_a_lesion_above_the_last_landmark_is_not_clipped() -> None:
    volume, body = smooth_volume(4), np.ones((12, 11, 10), dtype=bool)
    standard = standard_of((volume, body))
    landmarks = find_landmarks(volume, body, PERCENTILES)
    volume[5, 5, 5] = 10 * landmarks[-1]
    landmarks = find_landmarks(volume, body, PERCENTILES)
    slope = (standard.values[-1] - standard.values[-2]) / (landmarks[-1] - landmarks[-2])
    expected = standard.values[-1] + slope * (volume[5, 5, 5] - landmarks[-1])
    assert standardise(volume, body, standard)[5, 5, 5] == pytest.approx(expected, rel=1e-5)
    assert expected > 300


def test_the_input_is_left_as_it_was() -> None:
    volume, body = smooth_volume(5), np.random.default_rng(5).random((12, 11, 10)) < 0.5
    before = volume.copy()
    standardise(volume, body, standard_of((volume, body)))
    assert np.array_equal(volume, before)


def test_slabs_change_nothing() -> None:
    volume = smooth_volume(6, (2 * SLICES + 3, 5, 4))
    body = np.random.default_rng(6).random(volume.shape) < 0.7
    standard = standard_of((volume, body))
    line = PiecewiseLinear.through(find_landmarks(volume, body, PERCENTILES), standard.values)
    assert np.array_equal(standardise(volume, body, standard)[body], line(volume[body]))


@pytest.mark.parametrize(
    ("knots", "values", "expected"),
    [
        ([2, 2, 4, 6], [0, 1, 3, 4], {0: -1, 2: 1, 3: 2, 6: 4, 8: 5}),  # first two coincide: the inner one counts
        ([2, 4, 6, 6], [0, 2, 3, 9], {0: -2, 4: 2, 6: 3, 8: 4}),  # last two coincide: likewise
        ([0, 0, 0, 5, 5, 9, 9], [0, 1, 2, 7, 8, 12, 13], {-1: 1, 0: 2, 5: 7, 6: 9, 9: 12, 10: 13}),  # all kinds at once
        ([-1, 0, 0, 1], [0, 1, 5, 6], {-1: 0, 0: 1, 1e-30: 5, 1: 6}),  # a step at 0
    ],
)
def test_coincident_landmarks_act_as_documented(
    knots: list[float], values: list[float], expected: dict[float, float]
) -> None:
    line = PiecewiseLinear.through(np.array(knots, dtype=float), np.array(values, dtype=float))
    assert line(np.array(list(expected), dtype=np.float32)).tolist() == pytest.approx(list(expected.values()))


@pytest.mark.parametrize("volume", [np.full((3, 3, 3), 7, np.float32), np.eye(300, dtype=np.float32)[None]])
def test_an_image_without_a_scale_stops_the_scan(volume: np.ndarray) -> None:
    with pytest.raises(ScanStopped, match="no scale to standardise") as stopped:
        find_landmarks(volume, np.ones(volume.shape, dtype=bool), PERCENTILES)
    assert stopped.value.check == "constant_volume"


def test_a_body_without_finite_values_stops_the_scan() -> None:
    with pytest.raises(ScanStopped, match="no voxel of the body has a finite intensity"):
        find_landmarks(np.full((2, 2, 2), np.nan, np.float32), np.ones((2, 2, 2), dtype=bool), PERCENTILES)


def test_the_order_of_scans_does_not_change_a_bit() -> None:
    scans = [(smooth_volume(seed), np.ones((12, 11, 10), dtype=bool)) for seed in range(7)]
    assert np.array_equal(standard_of(*scans).values, standard_of(*scans[::-1]).values)


SCALED = ["water", "b900"]
GRID = Grid((10, 11, 12), (2, 2, 2), (3, -7, 11), (1, 0, 0, 0, 1, 0, 0, 0, 1))


class Scan:
    """A scan's files in a folder, water and b900, body included; `adc` lies beside them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.contrasts = ["water", "adc", "b900"]
        folder.mkdir()
        self.body = np.random.default_rng(seed).random((12, 11, 10)) < 0.6
        self.volumes = {contrast: smooth_volume(seed + 10 * index) for index, contrast in enumerate(self.contrasts)}
        write_voxels(self.body.astype(np.uint8), GRID, folder / "body.nii")
        for contrast, volume in self.volumes.items():
            write_voxels(volume, GRID, folder / f"{contrast}.nii")

    def landmarks(self, contrast: str) -> Path:
        """Find the landmarks of the scan; gives the file of a contrast."""
        paths = {name: self.folder / f"{name}.json" for name in SCALED}
        find_landmarks_rule.main(
            resampled=[self.folder / f"{name}.nii" for name in SCALED],
            body_resampled=self.folder / "body.nii",
            landmarks=list(paths.values()),
            contrasts=SCALED,
            percentiles=PERCENTILES,
            output_range=list(OUTPUT),
        )
        return paths[contrast]

    def standardise(self, standards: list[Path], suffix: str = "", threads: int = 1) -> dict[str, np.ndarray]:
        """Standardise the scan; gives its volumes."""
        paths = [self.folder / f"{contrast}-normalised{suffix}.nii" for contrast in self.contrasts]
        standardise_scan.main(
            resampled=[self.folder / f"{contrast}.nii" for contrast in self.contrasts],
            body_resampled=self.folder / "body.nii",
            standards=standards,
            normalised=paths,
            contrasts=self.contrasts,
            standardised=SCALED,
            threads=threads,
        )
        return {contrast: map_voxels(path) for contrast, path in zip(self.contrasts, paths, strict=True)}


@pytest.fixture
def scans(tmp_path: Path) -> list[Scan]:
    return [Scan(tmp_path / f"scan{seed}", seed) for seed in range(3)]


def fit(scans: list[Scan], contrast: str, target: Path) -> Path:
    files = [scan.landmarks(contrast) for scan in scans]
    fit_standard.main(
        landmarks=files,
        frozen=[],
        standard=target,
        scale=contrast,
        scans=[f"scan{seed}" for seed in range(len(files))],
    )
    return target


def test_the_three_rules_do_what_the_package_does_through_its_own_file(scans: list[Scan], tmp_path: Path) -> None:
    standards = [fit(scans, contrast, tmp_path / f"{contrast}.npy") for contrast in SCALED]
    reference = fitted(*((scan.volumes["b900"], scan.body) for scan in scans))
    loaded = NyulNormalizer()
    loaded.load_standard_histogram(str(standards[1]))
    assert np.allclose(loaded.standard_scale, reference.standard_scale, rtol=1e-5)
    assert np.array_equal(loaded.percentiles, reference.percentiles)
    for scan in scans:
        expected = loaded.transform(*adapted(scan.volumes["b900"], scan.body)).get_data()
        result = scan.standardise(standards)["b900"]
        assert np.allclose(result[scan.body], expected[scan.body], rtol=1e-5, atol=1e-4)


def test_a_quantitative_map_keeps_its_numbers_inside_the_body(scans: list[Scan], tmp_path: Path) -> None:
    standards = [fit(scans, contrast, tmp_path / f"{contrast}.npy") for contrast in SCALED]
    result = scans[0].standardise(standards)["adc"]
    assert np.array_equal(result, np.where(scans[0].body, scans[0].volumes["adc"], 0))


def test_the_same_scan_gives_the_same_bytes_with_any_number_of_threads(scans: list[Scan], tmp_path: Path) -> None:
    standards = [fit(scans, contrast, tmp_path / f"{contrast}.npy") for contrast in SCALED]
    again = fit(scans, "water", tmp_path / "again.npy")
    assert again.read_bytes() == standards[0].read_bytes()
    for suffix, threads in (("", 1), ("-again", 3)):
        scans[0].standardise(standards, suffix, threads)
    names = [f"{contrast}-normalised" for contrast in scans[0].contrasts]
    assert all(
        (scans[0].folder / f"{name}.nii").read_bytes() == (scans[0].folder / f"{name}-again.nii").read_bytes()
        for name in names
    )


def test_a_scan_gives_the_landmarks_of_each_contrast_from_its_own_image(scans: list[Scan]) -> None:
    for contrast in SCALED:
        volume, body = scans[0].volumes[contrast], scans[0].body
        found = ScanLandmarks.read(scans[0].landmarks(contrast)).landmarks
        assert np.array_equal(found, find_landmarks(volume, body, PERCENTILES))


def test_a_constant_contrast_is_named_when_it_stops_the_scan(scans: list[Scan], tmp_path: Path) -> None:
    standards = [fit(scans, contrast, tmp_path / f"{contrast}.npy") for contrast in SCALED]
    write_voxels(np.full((12, 11, 10), 5, np.float32), GRID, scans[0].folder / "b900.nii")
    with pytest.raises(ScanStopped, match=r"^b900: percentiles 1 to 99 of the body are all 5"):
        scans[0].standardise(standards)
    with pytest.raises(ScanStopped, match=r"^b900: percentiles 1 to 99 of the body are all 5"):
        scans[0].landmarks("water")


def test_a_stopped_scan_does_not_count(scans: list[Scan], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    alone = fit(scans[:2], "water", tmp_path / "alone.npy")
    files = [scan.landmarks("water") for scan in scans]
    files[2].write_bytes(b"")
    fit_standard.main(
        landmarks=files, frozen=[], standard=tmp_path / "fit.npy", scale="water", scans=["P1", "P2", "P3"]
    )
    assert (tmp_path / "fit.npy").read_bytes() == alone.read_bytes()
    assert "water: scan P3 was stopped" in caplog.text


def test_no_training_scan_left_stops_what_needs_the_scale_and_says_what_to_do(
    scans: list[Scan], tmp_path: Path
) -> None:
    file = scans[0].landmarks("water")
    file.write_bytes(b"")
    with pytest.raises(Stopped, match=r"water: each of the 1 scans .* was stopped.* standard\.frozen"):
        fit_standard.main(landmarks=[file], frozen=[], standard=tmp_path / "fit.npy", scale="water", scans=["P1"])


def test_landmarks_of_different_percentiles_do_not_mix() -> None:
    volume, body = smooth_volume(0), np.ones((12, 11, 10), dtype=bool)
    usual, other = scan_landmarks(volume, body), scan_landmarks(volume, body, output=(0, 1))
    with pytest.raises(MarrowError, match="different percentiles or output ranges"):
        fit_scale([usual, other])


def test_a_frozen_standard_is_taken_over_as_it_is(scans: list[Scan], tmp_path: Path) -> None:
    reference = fitted(*((scan.volumes["b900"], scan.body) for scan in scans))
    reference.save_standard_histogram(str(tmp_path / "frozen.npy"))
    fit_standard.main(
        landmarks=[], frozen=[tmp_path / "frozen.npy"], standard=tmp_path / "out.npy", scale="b900", scans=[]
    )
    assert np.array_equal(np.load(tmp_path / "out.npy"), np.load(tmp_path / "frozen.npy"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (np.zeros(3), r"the content is \(3,\)"),
        (np.zeros((2, 1)), r"the content is \(2, 1\)"),
        (np.array([["a", "b"], ["c", "d"]]), "numbers were expected"),
        (np.array([[1.0, np.nan], [1, 99]]), "not finite"),
        (np.array([[1.0, 100], [99, 1]]), "do not ascend within 0 to 100"),
        (np.array([[1.0, 100], [1, 101]]), "do not ascend within 0 to 100"),
        (np.array([[100.0, 1], [1, 99]]), "its values .* do not ascend"),
        (np.array([[7.0, 7], [1, 99]]), "its values .* do not ascend"),
    ],
)
def test_what_is_no_standard_scale_is_refused(tmp_path: Path, content: np.ndarray, complaint: str) -> None:
    np.save(tmp_path / "frozen.npy", content)
    with pytest.raises(MarrowError, match=complaint):
        StandardScale.read(tmp_path / "frozen.npy")


@pytest.mark.parametrize("content", [b"", b"no array", np.array([{}, {}], dtype=object)])
def test_neither_pickles_nor_other_files_are_loaded(tmp_path: Path, content: bytes | np.ndarray) -> None:
    path = tmp_path / "frozen.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content, allow_pickle=True)
    with pytest.raises(MarrowError, match="no array file of numpy"):
        StandardScale.read(path)
