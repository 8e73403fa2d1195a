"""One digest of a job: what is made from the same code, settings and content has the same."""

import hashlib
from collections.abc import Mapping

from marrow.workflow.fingerprint.values import canonical


def job_fingerprint(
    rule: str, code: Mapping[str, str], params: Mapping[str, object], contents: Mapping[str, str]
) -> str:
    """The fingerprint of a job.

    Args:
        rule: its name.
        code: project file -> digest and package -> pin, for all that its script reaches.
        params: its settings.
        contents: role of an input -> digest.
    """
    return hashlib.sha256(canonical([rule, code, params, contents]).encode()).hexdigest()
