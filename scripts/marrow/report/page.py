"""The page around the sections: head, contents, style and script, and a policy that forbids every request.

The Content-Security-Policy names the one style sheet and the one script of the page by their digests, and the program
of the viewer by its own; anything else, such as a script smuggled in by a name in the sample sheet, would not run even
if it were not escaped. The viewer needs nothing more: no address to connect to, no `blob:`, no worker, no WebAssembly.
"""

import base64
import gzip
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        anchor: its id in the page, unique.
        title: its heading.
        html: its body, rendered.
        note: a few words beside its entry in the contents, such as a count.
    """

    anchor: str
    title: str
    html: Markup
    note: str = ""


@dataclass(frozen=True)
class Reading:
    """How to read a kind of figure, folded away beside it, after the habit of the NiPreps reports.

    Attributes:
        figure: what kind it is.
        shown: what is shown.
        good: what a good one looks like.
        bad: what a bad one looks like.
        remedy: what to do about a bad one.
    """

    figure: str
    shown: str
    good: str
    bad: str
    remedy: str


@cache
def environment() -> Environment:
    """Templates of this package; whatever they print is escaped, and an unknown name is an error."""
    made = Environment(
        loader=PackageLoader("marrow.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.tests["nan"] = _is_nan
    return made


def _is_nan(value: Any) -> bool:
    return math.isnan(value)


def render(template: str, **data: object) -> Markup:
    """Render a template of this package; what comes out is escaped."""
    return Markup(environment().get_template(template).render(**data))  # noqa: S704


def render_page(title: str, lead: str, sections: Sequence[Section], program: str = "", layers: str = "") -> str:
    """The whole page.

    Args:
        title: the heading.
        lead: a sentence under it.
        sections: in the order in which they are read.
        program: the script of the viewer, which runs once somebody asks for it; empty where there is none.
        layers: what the viewer needs to know for every scan, as JSON.
    """
    repeated = sorted({one.anchor for one in sections if [two.anchor for two in sections].count(one.anchor) > 1})
    if repeated:
        raise ValueError(f"sections share the anchor {', '.join(repeated)}; give each its own")
    style = _text("page.css")
    script = _text("page.js") + (_text("viewer.js") if program else "")
    allowed = " ".join(f"'{_digest(text)}'" for text in filter(None, (script, program)))
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )
    return render(
        "page.html.j2",
        title=title,
        lead=lead,
        sections=sections,
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        policy=policy,
        program=compressed_text(program) if program else "",
        layers=layers,
    )


def compressed_text(text: str) -> str:
    """Text compressed and in base64, as the script of the page decompresses it."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def _text(name: str) -> str:
    """A file of this package; line ends as the browser sees them, since the digest is of those."""
    return files("marrow.report").joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
