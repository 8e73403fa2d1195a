"""A place for every scan: its row, what was found, and its quality sheet."""

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


def section(scans: Sequence[ScanRow], contrasts: Sequence[str], album: Album) -> Section:
    """The scans with their pictures, in the order of the sheet."""
    html = render(
        "gallery.html.j2",
        scans=list(zip(scans, album.pictures, strict=True)),
        contrasts=contrasts,
        reduced=album.reduced,
        how=READING,
    )
    return Section("scans", "Scan by scan", html, note=str(len(scans)))
