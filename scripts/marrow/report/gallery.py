"""A place for every scan: its row, what was found, its quality sheet and its bone sheet."""

from collections.abc import Sequence

from marrow.report.page import Section, render
from marrow.report.pictures import Album
from marrow.report.reading import Reading
from marrow.report.scanlist import ScanRow

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


def section(scans: Sequence[ScanRow], contrasts: Sequence[str], album: Album) -> Section:
    """The scans with their pictures, in the order of the sheet.

    Args:
        scans: the cohort.
        contrasts: those on the quality sheets.
        album: a quality sheet per scan, and then, unless bones are switched off, a bone sheet per scan.
    """
    sheets, bones = album.pictures[: len(scans)], album.pictures[len(scans) :]
    html = render(
        "gallery.html.j2",
        scans=list(zip(scans, sheets, bones or (None,) * len(scans), strict=True)),
        contrasts=contrasts,
        reduced=album.reduced,
        with_bones=bool(bones),
        how=READING,
        how_bones=BONES,
    )
    return Section("scans", "Scan by scan", html, note=str(len(scans)))
