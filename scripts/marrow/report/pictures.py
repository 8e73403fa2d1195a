"""Pictures inside the page, and a budget for them.

Sheets go in as they are while they fit. Beyond that, all are made smaller in the same way, step by step, until they do:
a cohort's pictures stay comparable with each other.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

# Share of the width, WebP quality.
STEPS = ((1.0, 80), (1.0, 60), (0.8, 60), (0.65, 60), (0.5, 55), (0.4, 50), (0.3, 45), (0.2, 40))
SAMPLE = 24  # pictures that the step is chosen by; the last word has the sum of all
CAUTION = 0.97  # of the room, so that the sum of all seldom asks for a second pass


@dataclass(frozen=True)
class Picture:
    """A picture as a page holds it.

    Attributes:
        source: a `data:` address.
        width, height: in pixels.
    """

    source: str
    width: int
    height: int


@dataclass(frozen=True)
class Album:
    """The pictures of a page.

    Attributes:
        paths: of the pictures.
        pictures: one per path, None where there is none that can be read.
        reduced: how they were made smaller, in words; empty where they are whole.
    """

    paths: tuple[Path, ...]
    pictures: tuple[Picture | None, ...]
    reduced: str

    @property
    def by_path(self) -> dict[Path, Picture | None]:
        """Path -> its picture."""
        return dict(zip(self.paths, self.pictures, strict=True))


def album(paths: Sequence[Path], budget: int) -> Album:
    """Read PNG pictures so that together they take at most `budget` bytes of a page.

    The smallest step is taken even where it does not suffice: a report that is too large is better than none.
    """
    contents = [_content(path) for path in paths]
    if _size_in_page(contents) <= budget:
        return Album(tuple(paths), tuple(_picture(content, "png") for content in contents), "")
    share = budget / max(sum(map(bool, contents)), 1)
    smaller: list[bytes] = []
    step = STEPS[-1]
    for step in _promising(contents, share):
        smaller = [_smaller(content, *step) for content in contents]
        if _size_in_page(smaller) <= budget:
            break
    width, quality = step
    return Album(
        tuple(paths),
        tuple(_picture(content, "webp") for content in smaller),
        f"{width:.0%} of their width, WebP of quality {quality}",
    )


def _content(path: Path) -> bytes:
    """The bytes of a picture; none where the file is missing, empty or cut short."""
    content = path.read_bytes() if path.is_file() else b""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.verify()
    except (OSError, SyntaxError, ValueError):
        return b""
    return content


def _promising(contents: Sequence[bytes], share: float) -> Iterator[tuple[float, int]]:
    """The steps worth trying: the first that fits a sample of the pictures, and those after it."""
    drawn = [content for content in contents if content]
    sample = drawn[:: max(1, len(drawn) // SAMPLE)]
    fitting = False
    for step in STEPS:
        fitting = fitting or _size_in_page([_smaller(content, *step) for content in sample]) <= CAUTION * share * len(
            sample
        )
        if fitting or step == STEPS[-1]:
            yield step


def _smaller(content: bytes, share: float, quality: int) -> bytes:
    if not content:
        return b""
    with Image.open(io.BytesIO(content)) as whole:
        picture = whole.convert("RGB")
    size = round(picture.width * share), round(picture.height * share)
    if share < 1:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=quality, method=3)
    return written.getvalue()


def _size_in_page(contents: Sequence[bytes]) -> int:
    return sum(4 * ((len(content) + 2) // 3) for content in contents)


def _picture(content: bytes, kind: str) -> Picture | None:
    if not content:
        return None
    with Image.open(io.BytesIO(content)) as picture:
        width, height = picture.size
    return Picture(f"data:image/{kind};base64,{base64.b64encode(content).decode()}", width, height)
