"""Binds a rule to its script: `main()` gets the rule's inputs, outputs and parameters by their names.

Around `main()` this module gives what every stage owes: a log without raw paths, outputs that appear whole or not at
all, a record of what made them, a scan that stops without stopping the others, and results that come back from the
archive. `main()` itself knows nothing of Snakemake; tests and notebooks call it.

Three more parameters are for a `main()` to ask for. `threads`: how many it may use. `checkpoints`: a folder for this
job alone, where a run that was killed finds what it left; it goes when the job is done. `stop`: why the scan was
stopped above, or None; a `main()` with this parameter is called for stopped scans too, with the empty files of what is
missing.
"""

import gc
import inspect
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import FunctionType
from typing import Any, get_type_hints

from marrow.errors import MarrowError, Stopped
from marrow.log import configure_log
from marrow.workflow import provenance
from marrow.workflow.archive import Archive
from marrow.workflow.fingerprint.code import job_code
from marrow.workflow.fingerprint.values import Plain, job_fingerprint, plain, words_in
from marrow.workflow.paths import ARCHIVE, CHECKPOINTS, MODULES, TRIGGER_INPUTS, is_result, partial_place, roles
from marrow.workflow.record import Product, Record, Source, Stop, read_record, record_of, write_record

Main = FunctionType
OFFERED = {"threads", "checkpoints", "stop"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """A job as Snakemake's `script` directive describes it, in plain types.

    Attributes:
        inputs, outputs: name -> path or list of paths, without what is not read and without `record`.
        modules: dotted names of the project modules that `main()` imports by name.
    """

    rule: str
    wildcards: dict[str, str]
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    params: dict[str, Plain]
    record: Path
    threads: int
    archive_mb: int
    modules: tuple[str, ...] = ()

    @classmethod
    def of(cls, snakemake: Any) -> "Job":
        """The job behind the object that Snakemake gives a script."""
        inputs, outputs = dict(snakemake.input.items()), dict(snakemake.output.items())
        return cls(
            rule=snakemake.rule,
            wildcards=dict(snakemake.wildcards.items()),
            inputs={name: value for name, value in inputs.items() if name not in TRIGGER_INPUTS},
            outputs={name: value for name, value in outputs.items() if name != "record"},
            params={name: plain(value, name) for name, value in snakemake.params.items() if name != MODULES},
            record=Path(outputs["record"]),
            threads=snakemake.threads,
            archive_mb=int(snakemake.resources.get("archive_mb", 0)),
            modules=tuple(snakemake.params.get(MODULES, ())),
        )

    def output_paths(self) -> list[Path]:
        """All outputs but the record, in order."""
        return list(roles(list(self.outputs.items())).values())


def run(main: Main) -> None:
    """Run `main()` as the job that Snakemake describes; leave with 1 after any error, which the log tells.

    Snakemake puts an object of the name `snakemake` into the globals of the script.
    """
    gc.freeze()  # what was imported stays: looking for garbage in it, at the end as well, takes PyTorch half a second
    gc.enable()  # off while the script was imported (`marrow`)
    snakemake: Any = main.__globals__["snakemake"]
    job = Job.of(snakemake)
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(job.threads)
    raw = [path for path in roles(list(job.inputs.items())).values() if not is_result(path)]
    with configure_log(Path(snakemake.log[0]), raw, {*job.wildcards.values(), *words_in(job.params)}):
        try:
            perform(main, job, scripts=Path(snakemake.scriptdir))
        except MarrowError as error:
            _log.error("%s", error)
            sys.exit(1)
        except Exception:
            _log.exception("%s failed", job.rule)
            sys.exit(1)


def perform(main: Main, job: Job, scripts: Path) -> None:
    """Make the outputs of a job and, last, its record."""
    began = time.monotonic()
    record = _expected_record(job, scripts)
    archive = Archive(ARCHIVE, job.archive_mb)
    stop = above = _stopped_above(job)
    if stop is None and archive.restore(record.fingerprint, job.output_paths()):
        _log.info("made from the same things before: outputs come back from the archive")
    elif stop is None or _works_on(main):
        offered = {"checkpoints": CHECKPOINTS / record.fingerprint, "stop": above.message if above else None}
        stop = _make(main, job, offered, record.code)
        if stop is None and above is None:
            archive.keep(record.fingerprint, job.output_paths())
    if stop is not None:
        _log.warning("stopped at %s (%s): %s", stop.stage, stop.check, stop.message)
        for output in job.output_paths():
            output.unlink(missing_ok=True)  # the archive may hold a link to what lies there
            output.touch()
    stop = above or stop
    _forget_other_records(job)
    made = provenance.made(seconds=time.monotonic() - began, repository=scripts.parent)
    write_record(replace(record, outputs=_products(job), stopped=stop, made=made), job.record)


def _works_on(main: Main) -> bool:
    """Whether a `main()` wants to be called for a scan that was stopped above."""
    return "stop" in inspect.signature(main).parameters


def _make(main: Main, job: Job, offered: Mapping[str, Any], code: Mapping[str, str]) -> Stop | None:
    """Call `main()` with temporary outputs and move these into place when it returns."""
    places = {path: _partial(path) for path in job.output_paths()}
    imported = set(sys.modules)
    try:
        main(**arguments(main, job, places, offered))
        _refuse_unrecorded(set(sys.modules) - imported, job, code)
    except Stopped as stopped:
        return Stop(job.rule, stopped.check, str(stopped))
    else:
        for path, partial in places.items():
            partial.replace(path)
        shutil.rmtree(offered["checkpoints"], ignore_errors=True)
    finally:
        for partial in places.values():
            shutil.rmtree(partial.parent, ignore_errors=True)
    return None


def _refuse_unrecorded(modules: Iterable[str], job: Job, code: Mapping[str, str]) -> None:
    """Refuse project modules that `main()` imported and the job's record does not count: their edits would be missed.

    Raises:
        ImportError: there is one.
    """
    for module in sorted(modules):
        path = module.replace(".", "/")
        if module.startswith("marrow.") and not {f"{path}.py", f"{path}/__init__.py"} & code.keys():
            raise ImportError(f"{job.rule} imported {module} by name; give it in the rule's parameter {MODULES}")


def arguments(
    main: Main, job: Job, places: Mapping[Path, Path], offered: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The arguments of `main()` by name: files as paths (outputs at temporary places), settings, what it asks for.

    Raises:
        TypeError: the rule and the script disagree on names.
    """
    given = {"checkpoints": None, "stop": None, **(offered or {}), "threads": job.threads}
    given |= {**job.inputs, **job.outputs, **job.params}
    wanted = inspect.signature(main).parameters
    if given.keys() - OFFERED != wanted.keys() - OFFERED:
        differing = sorted((given.keys() ^ wanted.keys()) - OFFERED)
        raise TypeError(f"rule {job.rule} and its script disagree on {', '.join(differing)}")
    hints = get_type_hints(main)
    return {name: _as_paths(given[name], hints[name], places) for name in wanted}


def _as_paths(value: Any, hint: object, places: Mapping[Path, Path]) -> Any:
    if hint is Path:
        return places.get(Path(value), Path(value))
    if hint == list[Path]:
        items = [value] if isinstance(value, str) else value
        return [places.get(Path(item), Path(item)) for item in items]
    return value


def _partial(path: Path) -> Path:
    """The place of an output that is being written, emptied of what a killed job left there."""
    partial = partial_place(path)
    shutil.rmtree(partial.parent, ignore_errors=True)
    partial.parent.mkdir(parents=True)
    return partial


def _expected_record(job: Job, scripts: Path) -> Record:
    inputs = {role: Source.of(path) for role, path in roles(list(job.inputs.items())).items()}
    code = job_code(scripts, job.rule, job.modules)
    contents = {role: source.digest for role, source in inputs.items()}
    return Record(
        rule=job.rule,
        wildcards=job.wildcards,
        fingerprint=job_fingerprint(job.rule, code, job.params, contents),
        code=code,
        params=job.params,
        inputs=inputs,
        outputs={},
        modules=list(job.modules),
    )


def _products(job: Job) -> dict[str, Product]:
    return {path.as_posix(): Product.of(path) for path in job.output_paths()}


def _forget_other_records(job: Job) -> None:
    """Remove what an earlier form of the rule, with a job for each file, left: it would be taken for these outputs'."""
    for output in job.output_paths():
        record = record_of(output)
        if record != job.record and record.name != "record.json":
            record.unlink()


def _stopped_above(job: Job) -> Stop | None:
    """The stop of a result that this scan's job builds on, its own before one of what scans share.

    A job over many scans picks the usable ones.
    """
    if "scan" not in job.wildcards:
        return None
    results = {path for path in roles(list(job.inputs.items())).values() if is_result(path)}
    records = filter(None, (read_record(path) for path in sorted({record_of(result) for result in results})))
    ordered = sorted(records, key=lambda record: "scan" not in record.wildcards)
    return next((record.stopped for record in ordered if record.stopped), None)
