"""Logs that tell what happened and name no raw file, whose path may hold the name of a patient."""

import logging
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path


class _WithoutPaths(logging.Formatter):
    """Formats a message, traceback included, with every hidden path replaced by its place in the list of inputs."""

    def __init__(self, hide: Sequence[Path]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
        spellings = {text: index for index, path in enumerate(hide) for text in _spellings(path)}
        self._hidden = sorted(spellings.items(), key=lambda entry: -len(entry[0]))

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        for spelling, index in self._hidden:
            text = text.replace(spelling, f"<raw input {index + 1}>")
        return text


@contextmanager
def configure_log(file: Path, hide: Sequence[Path] = ()) -> Generator[None]:
    """Send the log of this process to a file and the terminal while the block runs.

    Args:
        file: the rule's log.
        hide: paths whose text must appear in neither.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [
        logging.FileHandler(file, mode="w", encoding="utf-8"),
        logging.StreamHandler(sys.stderr),
    ]
    root = logging.getLogger()
    level = root.level
    for handler in handlers:
        handler.setFormatter(_WithoutPaths(hide))
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.setLevel(level)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


def _spellings(path: Path) -> set[str]:
    """How a path may be written: as given, absolute, resolved, and by its own name."""
    return {str(path), str(path.absolute()), str(path.resolve()), path.name}
