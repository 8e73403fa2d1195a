"""Downloads a file whole or not at all: checked by its sha256, resumed where it broke off, tried more than once.

What has arrived lies in a `.part` file. After a break the server is asked for the rest (RFC 9110, section 14: a `Range`
that 206 answers); one that sends the whole file instead starts it anew. The checksum alone decides whether a file is
done, so a part may come from one address and the rest from another. Only http and https are followed, by redirects too.
A connection that ends early looks like the end of the file, so the promised length is compared.
"""

import hashlib
import http.client
import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from urllib import error, request

from marrow.errors import MarrowError

ATTEMPTS = 4
PAUSE_S = 2.0
TIMEOUT_S = 60.0
_BLOCK = 1 << 20
_WEB = ("http://", "https://")
_log = logging.getLogger(__name__)


def download(
    addresses: Sequence[str], path: Path, sha256: str, *, part: Path | None = None, pause_s: float = PAUSE_S
) -> None:
    """Get a file from the first address that serves it.

    What has arrived is kept in `part`, beside `path` by default. The pause before the second attempt at an address
    doubles before each further one.

    Raises:
        MarrowError: no address serves it; the message says why, one by one.
    """
    part = part or path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    part.parent.mkdir(parents=True, exist_ok=True)
    reasons: list[str] = []
    for address in addresses:
        reason = None if _is_whole(part, sha256) else _from_address(address, part, sha256, pause_s)
        if reason is None:
            shutil.move(part, path)
            return
        reasons.append(f"{address}: {reason}")
        _log.warning("%s", reasons[-1])
    raise MarrowError(f"{path.name} could not be downloaded ({'; '.join(reasons) or 'no address is known'}).")


def _from_address(address: str, part: Path, sha256: str, pause_s: float) -> str | None:
    """Try an address several times; why it does not serve, or None when the part is whole."""
    if not address.lower().startswith(_WEB):
        return "only http and https addresses are used"
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause_s * 2 ** (attempt - 1))
        try:
            _receive(address, part)
        except error.HTTPError as refusal:
            refusal.close()
            reason = f"the server answers {refusal.code} {refusal.reason}"
            if refusal.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink(missing_ok=True)  # there is no more to come, and it is not what it should be
            elif refusal.code < http.HTTPStatus.INTERNAL_SERVER_ERROR:
                return reason
            continue
        except (OSError, http.client.HTTPException) as trouble:
            reason = f"{type(trouble).__name__}: {trouble}"
            continue
        if _is_whole(part, sha256):
            return None
        part.unlink()
        reason = f"what came has another sha256 than {sha256}"
    return reason


def _receive(address: str, part: Path) -> None:
    """Append what is missing to a part, or start it anew."""
    have = part.stat().st_size if part.exists() else 0
    asked = request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310  # web alone
    with _opener().open(asked, timeout=TIMEOUT_S) as answer:
        goes_on = answer.status == http.HTTPStatus.PARTIAL_CONTENT
        if goes_on and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            part.unlink()
            raise http.client.HTTPException("the server sent another range than the one it was asked for")
        promised = answer.headers.get("Content-Length")
        arrived = 0
        with part.open("ab" if goes_on else "wb") as file:
            while block := answer.read(_BLOCK):
                arrived += file.write(block)
    if promised is not None and arrived < int(promised):
        raise http.client.HTTPException(f"the connection ended after {arrived} of {promised} bytes")


def _opener() -> request.OpenerDirector:
    """An opener without the handlers for files, ftp and data that `urlopen` has, so no redirect leads to these."""
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        request.UnknownHandler(),
        request.HTTPRedirectHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _is_whole(part: Path, sha256: str) -> bool:
    if not part.exists():
        return False
    with part.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256
