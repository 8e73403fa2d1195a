# Needs: results/normalised/{scan}/, what the checks found, and the bones with their scores.
# Gives: results/qc/{scan}/sheet.png, one picture to judge a scan by; results/report/index.html, one file for readers.


rule draw_qc:
    input:
        freshness=freshness("draw_qc"),
        resampled=expand("results/resampled/{{scan}}/{contrast}.nii", contrast=config["contrasts"]),
        normalised=expand("results/normalised/{{scan}}/{contrast}.nii", contrast=config["contrasts"]),
        body_resampled="results/resampled/{scan}/body.nii",
        checks="results/volumes/{scan}/checks.json",
    output:
        sheet="results/qc/{scan}/sheet.png",
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
        scan=lambda wildcards: wildcards.scan,
        contrasts=config["contrasts"],
        settings=QC,
    script:
        "../scripts/draw_qc.py"


rule build_report:
    input:
        freshness=freshness("build_report"),
        sheets=expand("results/qc/{scan}/sheet.png", scan=cohort.ids),
        checks_table="results/checks/table.tsv",
        records=[last_record(scan) for scan in cohort.ids],
        bone_scores=["results/bones/scores.csv"] if bones.validation and with_bones else [],
        bone_sheets=expand("results/bones/{scan}/sheet.png", scan=with_bones),
        bone_histories=bones.histories,
        standards=expand("results/standard/{contrast}.npy", contrast=STANDARDISED),
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
        mem_mb=mebibytes(base=800, per_input=3),
        runtime=minutes(base=5, per_gigabyte=10),
    params:
        scans=summaries,
        split_notes=cohort.notes,
        contrasts=STANDARDISED,
        title=config["title"],
        settings=config["report"],
    script:
        "../scripts/build_report.py"
