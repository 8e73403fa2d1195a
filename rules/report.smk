# Needs: results/normalised/{scan}/, what the checks found, the bones with their scores, and what was made of runs:
#        results/evaluation/, results/localisation/, results/maps/, results/inversion/.
# Gives: results/qc/{scan}/sheet.png, one picture to judge a scan by; results/views/{scan}/, a scan small enough for a
#        page; results/viewer/, the program that shows it; results/report/index.html, one file for readers.

from marrow.report.viewer.package import ADDRESSES


rule draw_qc:
    input:
        freshness=freshness("draw_qc"),
        resampled=expand("results/resampled/{{scan}}/{contrast}.nii", contrast=plan.contrasts.names),
        normalised=expand("results/normalised/{{scan}}/{contrast}.nii", contrast=plan.contrasts.names),
        body_resampled="results/resampled/{scan}/body.nii",
        checks="results/volumes/{scan}/checks.json",
    output:
        sheet=report(
            "results/qc/{scan}/sheet.png",
            caption="../docs/captions/quality.rst",
            category="Scans",
            subcategory="Quality",
            labels={"scan": "{scan}", "shows": "quality sheet"},
        ),
        record="results/qc/{scan}/record.json",
    log:
        "results/logs/draw_qc/{scan}.log",
    benchmark:
        "results/benchmarks/draw_qc/{scan}.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=800, per_input=2),
        runtime=minutes(base=2, per_gigabyte=5),
        archive_mb=config["archive_mb"],
    params:
        scan="{scan}",
        contrasts=plan.contrasts.names,
        settings=inputs.report.quality_settings,
    script:
        "../scripts/draw_qc.py"


# A scan's layers for the viewer, made apart from the page so that a new scan reads no other.
rule shrink_scan:
    input:
        freshness=freshness("shrink_scan"),
        normalised=f"results/normalised/{{scan}}/{inputs.report.viewed_contrast}.nii",
        body_resampled="results/resampled/{scan}/body.nii",
        dilated="results/bones/{scan}/corrected/dilated.nii",
    output:
        volume="results/views/{scan}/volume.nii.gz",
        bones="results/views/{scan}/bones.nii.gz",
        record="results/views/{scan}/record.json",
    log:
        "results/logs/shrink_scan/{scan}.log",
    benchmark:
        "results/benchmarks/shrink_scan/{scan}.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=500, per_input=4),
        runtime=minutes(base=2, per_gigabyte=5),
        archive_mb=config["archive_mb"],
    params:
        spacing_mm=config["report"]["viewer"]["spacing_mm"],
        remove_face=config["remove_face"],
    script:
        "../scripts/shrink_scan.py"


# The viewer's program, from npm or from a file. Without a way out it leaves an empty file, and the report says so.
rule fetch_viewer:
    input:
        freshness=freshness("fetch_viewer"),
        package=[config["report"]["viewer"]["package"]] if config["report"]["viewer"]["package"] else [],
    output:
        program="results/viewer/niivue.js",
        record="results/viewer/niivue.record.json",
    log:
        "results/logs/fetch_viewer.log",
    benchmark:
        "results/benchmarks/fetch_viewer.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        addresses=list(ADDRESSES),
    script:
        "../scripts/fetch_viewer.py"


rule build_report:
    input:
        freshness=freshness("build_report"),
        sheets=expand("results/qc/{scan}/sheet.png", scan=plan.cohort.ids),
        checks_table="results/checks/table.tsv",
        records=inputs.report.last_records,
        bone_scores=["results/bones/scores.csv"] if plan.bones.validation and plan.scans_with_bones else [],
        bone_sheets=expand("results/bones/{scan}/sheet.png", scan=plan.scans_with_bones),
        bone_histories=plan.bones.histories,
        standards=expand("results/standard/{scale}.npy", scale=list(plan.standards.scales)),
        manifests=inputs.targets.manifests,
        predictions=inputs.report.predictions,
        evaluation=inputs.report.evaluation,
        localisation_curves=inputs.report.localisation_curves,
        maps=inputs.report.maps,
        inversions=inputs.report.inversions,
        layers=expand("results/views/{scan}/{layer}.nii.gz", scan=inputs.report.viewed_scans, layer=["volume", "bones"]),
        program=["results/viewer/niivue.js"] if inputs.report.viewed_scans else [],
        bone_table=plan.bone_table,
    output:
        report="results/report/index.html",
        record="results/report/index.record.json",
    log:
        "results/logs/build_report.log",
    benchmark:
        "results/benchmarks/build_report.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=1200, per_input=3),
        runtime=minutes(base=5, per_gigabyte=10),
    params:
        scans=plan.summaries,
        attributes=plan.attributes,
        units=plan.units,
        categories=plan.categories,
        sheet_notes=plan.cohort.sheet_notes,
        split_notes=plan.cohort.notes,
        contrasts=plan.contrasts.standardised,
        scales=list(plan.standards.scales),
        scale_notes=list(plan.standards.notes),
        entries=inputs.report.entries,
        significance=config["evaluation"]["significance"],
        title=config["title"],
        settings={"budget_mb": config["report"]["budget_mb"]},
    script:
        "../scripts/build_report.py"
