"""A place for every scan: its row, the findings, what is predicted and where, its quality and bone sheets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marrow.report.page import Reading, Section, render
from marrow.report.pictures import Picture
from marrow.report.scan_maps import ScanMap
from marrow.report.scan_predictions import ScanPrediction
from marrow.report.scans import ScanRow
from marrow.report.viewer.views import Viewer

READING = Reading(
    figure="a quality sheet",
    shown="per contrast, a coronal slice through the spine and a projection from front to back (maximum, dark on "
    "white, for diffusion; mean inside the body otherwise), both on the standard scale, in windows that are the same "
    "for all scans, and with the outline of the body mask. Below, histograms inside the body before and after "
    "standardisation: heights are square roots of counts, lines the two ends of the scale, ticks the nine deciles. The "
    "patient's right is on your left.",
    good="one even body from head to knee, the outline close to the skin, each contrast in its usual greys. After "
    "standardisation the deciles of all scans lie at nearly the same places.",
    bad="steps between stations, a missing or exchanged station, muscle brighter than fat on the fat image, an outline "
    "that leaves the body, a picture much darker or lighter than those of other scans, a histogram of one spike.",
    remedy="fat and water exchanged: exchange the two paths in the sample sheet. A wrong or missing station: give the "
    "files of that contrast again. Steps and shading: check that bias correction is on. An outline off the body: look "
    "at the water image, from which the mask is made. What cannot be mended should be taken out of the sheet.",
)


BONES = Reading(
    figure="a bone sheet",
    shown="coronal and sagittal slices of the water image with the outlines of the bones as they go on, chosen so that "
    "together they show as much of every bone as they can; the patient's right, and the front, are on your left. "
    "Beside them each bone's colour, name and volumes. Below, the labels from the front and from the side after each "
    "correction: dim is as before, bright was added or given another name, white was taken away, rings mark small "
    "changes, and the words say what was done. A pair of bones shares a hue: light is left, dark is right.",
    good="outlines on the cortex, every bone there, left and right bones of like volume, corrections that take away "
    "islands and change little else.",
    bad="a colour on the other side, an outline in the bowel, a bone without volume, or much smaller than its mirror; "
    "a correction that takes away or renames half of a bone.",
    remedy="find the step whose picture goes wrong. If it is the first, the network (or the given label map) is at "
    "fault; if it is a correction, change its settings in the config or switch it off: nothing is trained again.",
)


PREDICTION = Reading(
    figure="a prediction",
    shown="the probability that each method gives each class: the mean over its seeds, and from the least to the "
    "greatest. The drawing is of the class that most methods name. A scan of the split train or validation was seen "
    "when the models were made; only those of test and predict say how good they are.",
    good="methods and seeds that agree, on the class in the sample sheet.",
    bad="a wide range: the seeds disagree, and the answer depends on chance. All methods agree against the sheet: look "
    "at the scan and at its label before the models.",
    remedy="take a wide range for 'not known'. For a scan that all methods call another class, ask who labelled it.",
)
MAP = Reading(
    figure="a map",
    shown="the weights of instances put back where they were cut from: b900 in coronal slices, the map over it, and "
    "the outlines of bones. Each map says which quantity it shows, of which class, and how it is scaled; where "
    "patches overlap they are combined as it says. Its colours reach up to the number beside them, another one in "
    "every map. Beside it, its share by bone and the instances with the most weight.",
    good="a few bones stand out, and the instances with the most weight show what a radiologist would point at.",
    bad="an even veil over all bones: the attention chooses nothing. Weight on edges of bones, on the outermost "
    "slices, or on noise in the instances: the model learned something else than disease.",
    remedy="look whether the method's localisation scores are above chance at all. If only this scan is odd, look at "
    "its bone sheet: patches of a wrong bone look like disease.",
)


@dataclass(frozen=True)
class ScanPage:
    """All that is shown of a scan."""

    scan: ScanRow
    sheet: Picture | None
    bones: Picture | None
    predictions: Sequence[ScanPrediction]
    maps: Sequence[ScanMap]
    is_viewable: bool


def section(
    scans: Sequence[ScanRow],
    contrasts: Sequence[str],
    sheets: Sequence[Picture | None],
    bones: Sequence[Picture | None],
    reduced: str,
    predictions: Mapping[str, Sequence[ScanPrediction]],
    maps: Mapping[str, Sequence[ScanMap]],
    viewer: Viewer,
) -> Section:
    """The scans with all that is known of them, in the order of the sheet.

    Args:
        scans: the cohort.
        contrasts: those on the quality sheets.
        sheets: a quality sheet per scan.
        bones: a bone sheet per scan; none where bones are switched off.
        reduced: how the pictures were made smaller, in words.
        predictions: scan -> what is predicted of it.
        maps: scan -> its maps.
        viewer: which scans can be opened in it.
    """
    pages = [
        ScanPage(
            scan, sheet, sketch, predictions.get(scan.scan, ()), maps.get(scan.scan, ()), scan.scan in viewer.scans
        )
        for scan, sheet, sketch in zip(scans, sheets, bones or (None,) * len(scans), strict=True)
    ]
    html = render(
        "sections/scan_by_scan.html.j2",
        pages=pages,
        contrasts=contrasts,
        reduced=reduced,
        with_bones=bool(bones),
        viewer=viewer,
        any_map=any(page.maps for page in pages),
        any_prediction=any(page.predictions for page in pages),
        how=READING,
        how_bones=BONES,
        how_predicted=PREDICTION,
        how_mapped=MAP,
    )
    return Section("scans", "Scan by scan", html, note=str(len(scans)))
