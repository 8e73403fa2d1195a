"""Rule fetch_viewer: the program that shows volumes in the report, from npm or from a file."""

from pathlib import Path

from marrow.datasets.sources.download import download
from marrow.errors import MarrowError, Stopped
from marrow.report.viewer.package import PACKAGE, REMEDY, SHA256, take_script

PAUSE_S = 0.5  # a report does not wait long for what it can do without


def main(*, package: list[Path], program: Path, addresses: list[str], checkpoints: Path | None) -> None:
    """Write the viewer's script.

    Args:
        package: the npm package as a file, if the config names one.
        program: where it goes; empty where the package cannot be had, and the record says why.
        addresses: where the package is on the web.
        checkpoints: where what has arrived is kept until it is whole.
    """
    try:
        if package:
            take_script(package[0], program)
            return
        folder = checkpoints or program.parent
        download(addresses, folder / PACKAGE, SHA256, pause_s=PAUSE_S)
        take_script(folder / PACKAGE, program)
        (folder / PACKAGE).unlink()
    except MarrowError as error:
        told = str(error) if REMEDY in str(error) else f"{error} {REMEDY}"
        raise Stopped("viewer", told) from None
    except OSError as error:
        raise Stopped("viewer", f"the package cannot be read or written ({type(error).__name__}). {REMEDY}") from None


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
