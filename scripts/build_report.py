"""Build the report: one HTML file with the cohort, its images and bones, how well models do, and where they look."""

from pathlib import Path
from typing import Any

from marrow.report.entries import SCANS, entries_of
from marrow.report.page import render_page
from marrow.report.pictures import album
from marrow.report.scan_maps import PICTURES, maps_of
from marrow.report.scan_predictions import predictions_of
from marrow.report.scans import attribute_heading, later_stops, read_flags, scan_rows
from marrow.report.sections import attributes as attribute_spreads
from marrow.report.sections import (
    bag_counts,
    bones,
    costs,
    localisation,
    overview,
    provenance,
    scan_by_scan,
    standard,
)
from marrow.report.sections.cohort import cohort_section, findings_section, stopped_section
from marrow.report.sections.methods import benchmarks_section, methods_section
from marrow.report.viewer.views import viewer_of
from marrow.workflow.paths import final_place

MEGABYTE = 1_000_000
BYTES_PER_SCAN = 12_000  # of tables, drawings and text; the rest of the budget is for pictures and the viewer


def main(
    *,
    sheets: list[Path],
    checks_table: Path,
    records: list[Path],
    bone_scores: list[Path],
    bone_sheets: list[Path],
    bone_histories: list[Path],
    standards: list[Path],
    manifests: list[Path],
    predictions: list[Path],
    evaluation: list[Path],
    localisation_curves: list[Path],
    maps: list[Path],
    inversions: list[Path],
    layers: list[Path],
    program: list[Path],
    bone_table: Path,
    scans: list[dict[str, str]],
    attributes: dict[str, dict[str, str]],
    units: dict[str, str],
    categories: list[str],
    sheet_notes: list[str],
    split_notes: list[str],
    contrasts: list[str],
    scales: list[str],
    scale_notes: list[str],
    entries: list[dict[str, Any]],
    significance: float,
    title: str,
    report: Path,
    settings: dict[str, Any],
) -> None:
    """Write the report. Any file that other stages make may be empty or missing; the page then says why.

    Args:
        sheets: the scans' quality sheets, PNG, in the order of `scans`; empty where a scan was stopped.
        checks_table: the findings of the checks, TSV.
        records: the record of each scan's last stage, in the order of `scans`.
        bone_scores: the bones' scores, CSV; none where no scan can be scored.
        bone_sheets: the scans' bone sheets, PNG, in the order of `scans`; none where bones are switched off.
        bone_histories: the training of each network, CSV in a folder of the network's name; none where bones are given.
        standards: the standard scales, in the order of `scales`.
        manifests: of all data sets.
        predictions: what each run predicts for scans, `.../{dataset}/{method}/seed-{seed}/predictions.parquet`.
        evaluation: the tables of every entry, `results/evaluation/{entry}/{table}.csv`, `tables.json`, `tables.tex`.
        localisation_curves: `results/localisation/{dataset}/{method}/seed-{seed}/{froc or perturbation}.csv`.
        maps: the files of every map, `results/maps/{dataset}/{method}/seed-{seed}/{scan}/{file}`.
        inversions: figures of inversions, `results/inversion/{dataset}/{method}/seed-{seed}/figure.png`.
        layers: volumes for the viewer, `results/views/{scan}/{volume or bones}.nii.gz`.
        program: the viewer's script; none where it is switched off.
        bone_table: names of the bones.
        scans: `scan`, `patient`, `label`, `split` and `site` of each scan.
        attributes: scan -> its clinical attributes, those that are known.
        units: clinical attribute -> its unit, where it is declared.
        categories: the clinical attributes that are declared as categories.
        sheet_notes: which scans are left out and why, and which columns are passed over.
        split_notes: which classes are short in a split.
        contrasts: the contrasts that are standardised.
        scales: the names of the standard scales: a contrast each, with its b-value where it has several.
        scale_notes: what a reader should know of them.
        entries: `name`, `kind` and `titles` (method -> title) of each entry of `runs`.
        significance: a corrected p below it shows a difference between methods.
        title: the report's heading.
        report: the page to write, `results/report/index.html`; records and benchmark files lie beside its folder.
        settings: see `config.yaml`, section `report`.
    """
    ids = [scan["scan"] for scan in scans]
    flags = read_flags(checks_table)
    rows = scan_rows(scans, attributes, units, [*flags, *later_stops(ids, records, flags)])
    evaluated = entries_of(entries, evaluation)
    titles = {method: name for entry in evaluated if entry.kind == SCANS for method, name in entry.titles.items()}

    results = final_place(report).parent.parent
    budget = int(settings["budget_mb"] * MEGABYTE)
    viewer = viewer_of(program, layers, bone_table, rows, maps_of(maps, {}, titles), budget)
    drawn = [*sheets, *bone_sheets, *(path for path in maps if path.name in PICTURES), *inversions]
    pictures = album(drawn, budget - BYTES_PER_SCAN * len(rows) - viewer.size)
    of_path = pictures.by_path
    inverted = [("/".join(path.parts[-4:-1]), picture) for path in inversions if (picture := of_path[path])]
    sections = [
        overview.section(rows),
        stopped_section(rows),
        cohort_section(rows, sheet_notes, split_notes, [attribute_heading(name, units) for name in categories]),
        findings_section(rows),
        standard.section(scales, standards, scale_notes),
        bones.section(rows, bone_scores, bone_sheets, bone_histories),
        bag_counts.section(manifests, [entry.datasets for entry in evaluated]),
        attribute_spreads.section(manifests, units, categories),
        methods_section(evaluated, significance),
        localisation.section(evaluated, localisation_curves, inverted),
        scan_by_scan.section(
            rows,
            contrasts,
            sheets=[of_path[path] for path in sheets],
            bones=[of_path[path] for path in bone_sheets],
            reduced=pictures.reduced,
            predictions=predictions_of(ids, predictions, titles),
            maps=maps_of(maps, of_path, titles),
            viewer=viewer,
        ),
        benchmarks_section(evaluated, localisation_curves, inverted, significance),
        costs.section(results / "benchmarks"),
        provenance.section(results, Path(__file__).parent),
    ]
    shown = [each for each in sections if each is not None]
    page = render_page(title, overview.lead(rows), shown, program=viewer.program, layers=viewer.bones)
    report.write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
