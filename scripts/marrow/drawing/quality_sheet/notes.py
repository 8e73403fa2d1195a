"""The sheet's notes on what a good and a bad image of each contrast look like."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """What to look for in a contrast."""

    good: str
    bad: str


_DIFFUSION = "station steps, stretched or shifted slices, bright rims from fat that was not suppressed"

NOTES = {
    "fat": Note(
        good="skin fat and yellow marrow bright, muscle and organs dark, even from head to knee",
        bad="muscle brighter than skin fat (fat and water swapped), steps between stations, arms cut off",
    ),
    "water": Note(
        good="muscle, spleen and kidneys grey to bright, skin fat nearly black",
        bad="skin fat brighter than muscle (swapped), one station swapped, a shading from side to side",
    ),
    "low_b": Note(
        good="vessels dark, organs and spinal canal bright, outline as in the water image",
        bad=_DIFFUSION,
    ),
    "high_b": Note(
        good="brain, canal, spleen and kidneys dark on white; healthy marrow pale and even",
        bad=_DIFFUSION + ", or grey everywhere (noise)",
    ),
    "adc": Note(
        good="fluid bright, muscle mid-grey, no holes inside organs",
        bad="speckle inside the body (the high b-value is noise there), black or white patches, edges doubled",
    ),
}

ANY_CONTRAST = Note(
    good="one even body from head to knee, the outline close to the skin",
    bad="steps between stations, missing parts, an outline that leaves the body",
)


def note_on(role: str) -> Note:
    """The note on contrasts with a role, or a general one if it has none."""
    return NOTES.get(role, ANY_CONTRAST)
