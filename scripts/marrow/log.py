"""Logs that tell what happened and name no raw file, whose path may hold the name of a patient."""

import logging
import re
import sys
from collections.abc import Generator, Iterable, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

# Folders that tracebacks name.
PUBLIC_FOLDERS = {*Path(__file__).parts, *Path(sys.prefix).parts, *Path(sys.base_prefix).parts, "/", ".", ".."}
ORDINARY_WORD = re.compile("[a-z]+")


class _WithoutPaths(logging.Formatter):
    """Formats a message, traceback included, with every hidden path replaced by its place in the list of inputs.

    A path is hidden as a whole, and so are the names of its folders and of the file itself where they stand alone. A
    name of small letters alone, such as `scans`, is an ordinary word: it is hidden beside a separator or in quotes.
    """

    def __init__(self, hide: Sequence[Path], show: Set[str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
        self._numbers: dict[str, int] = {}
        for number, path in enumerate(hide, start=1):
            for text in _spellings(path, show):
                self._numbers.setdefault(text, number)
        longest_first = sorted(self._numbers, key=len, reverse=True)
        self._hidden = re.compile("|".join(map(_alone, longest_first))) if longest_first else None

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if self._hidden is None:
            return text
        return self._hidden.sub(lambda found: f"<raw input {self._numbers[found.group()]}>", text)


@contextmanager
def configure_log(file: Path, hide: Sequence[Path] = (), show: Iterable[str] = ()) -> Generator[None]:
    """Send the log of this process to a file and the terminal while the block runs.

    Args:
        file: the rule's log.
        hide: paths whose text must appear in neither.
        show: words that are public, though a folder may have such a name: ids of scans, contrasts.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [
        logging.FileHandler(file, mode="w", encoding="utf-8"),
        logging.StreamHandler(sys.stderr),
    ]
    root = logging.getLogger()
    level = root.level
    for handler in handlers:
        handler.setFormatter(_WithoutPaths(hide, {*show, *PUBLIC_FOLDERS, *Path.cwd().parts}))
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


def _spellings(path: Path, show: Set[str]) -> set[str]:
    """How a path and the names in it, but for public ones, may be written: in full, with backslashes, as in URLs."""
    wholes = {path, path.absolute(), path.resolve()}
    texts = {str(whole) for whole in wholes} | {part for whole in wholes for part in whole.parts if part not in show}
    return texts | {text.replace("/", "\\") for text in texts} | {quote(text) for text in texts}


def _alone(text: str) -> str:
    """The pattern of a text that is no part of a longer name."""
    if ORDINARY_WORD.fullmatch(text):
        return rf"(?<=[/\\'\"]){re.escape(text)}(?=[/\\'\"])"
    return rf"(?<![\w.-]){re.escape(text)}(?![\w-])"
