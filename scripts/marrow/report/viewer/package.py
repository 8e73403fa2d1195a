"""NiiVue, the program that shows volumes in the report: one version of its npm package, known by its checksums.

The package is fetched, or given as a file, and one script is taken out of it; nothing in it is run here, and nothing of
it is part of this project. The integrity is the one that npm itself compares: the SHA-512 of the package, in base64.
NiiVue is under the BSD 2-clause licence, which goes into the page with it.
"""

import base64
import hashlib
import tarfile
from pathlib import Path

from marrow.errors import MarrowError

VERSION = "0.69.0"
INTEGRITY = "sha512-YMjQvJgD1W2b7DuoxkwlC4VxbrgIePRJ5qyQzXKxi2v2MBVg285P/CIQyg46oDDGDIcaNlbd+MhtO/edMbXJkA=="
SHA256 = "6e9a6a471b428eb3b258a0086beca9187d95e43a781a39e8a519c6da246af485"  # of the same file, for the download
PACKAGE = f"niivue-{VERSION}.tgz"
ADDRESSES = (f"https://registry.npmjs.org/@niivue/niivue/-/{PACKAGE}",)
SCRIPT = "package/dist/niivue.umd.js"
MOST_BYTES = 20_000_000  # of the script; it has 2.3 million
REMEDY = (
    f"Get {ADDRESSES[0]} on a machine that has a way out and name the file as report.viewer.package in the config. The "
    "report is complete without it; it has the pictures, and no viewer."
)


def take_script(package: Path, script: Path) -> None:
    """Check a package and write its script.

    Raises:
        MarrowError: it is not the version that is pinned, or cannot be read.
    """
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if integrity != INTEGRITY:
        raise MarrowError(
            f"{package.name} is not {PACKAGE}: its integrity is {integrity}, and {INTEGRITY} is expected. {REMEDY}"
        )
    try:
        with tarfile.open(package, "r:gz") as archive:
            member = archive.extractfile(SCRIPT)
            content = member.read(MOST_BYTES + 1) if member else b""
    except (KeyError, OSError, tarfile.TarError) as error:
        raise MarrowError(f"{package.name} cannot be read ({type(error).__name__}: {error}). {REMEDY}") from None
    if not content or len(content) > MOST_BYTES:
        raise MarrowError(f"{package.name} holds no {SCRIPT} of a believable size. {REMEDY}")
    script.write_bytes(content)
