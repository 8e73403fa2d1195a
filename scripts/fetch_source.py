"""Rule fetch_source: a public data set from the web, where the configuration names no folder that has it."""

from pathlib import Path

from marrow.datasets.sources.catalogue import SOURCES, how_to_give
from marrow.datasets.sources.download import download
from marrow.errors import MarrowError


def main(*, files: list[Path], source: str, addresses: list[str], checkpoints: Path | None) -> None:
    """Download the files of a source.

    Args:
        files: where they go, each with its name in the catalogue.
        source: its name in the catalogue.
        addresses: folders on the web to try, one after the other.
        checkpoints: where what has arrived is kept until the file is whole.
    """
    known = {file.name: file for file in SOURCES[source].files}
    for path in files:
        file = known[path.name]
        part = checkpoints / f"{path.name}.part" if checkpoints else None
        try:
            download(
                [f"{base.rstrip('/')}/{file.remote or file.name}" for base in addresses], path, file.sha256, part=part
            )
        except MarrowError as error:
            raise MarrowError(f"{source}: {error} {how_to_give(source)}") from None


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
