# Needs: the raw images of a scan, wherever the sheet says they are.
# Gives: results/volumes/{scan}/{contrast}.nii, composed, corrected and free of names; body.nii; checks.json.
#        results/checks.tsv, what the checks found in the whole cohort; results/confirmed.txt when no scan was stopped.


rule ingest_scan:
    input:
        freshness=freshness("ingest_scan"),
        raw=raw_images,
    output:
        volumes=bulky(expand("results/volumes/{{scan}}/{contrast}.nii", contrast=config["contrasts"])),
        body=bulky("results/volumes/{scan}/body.nii"),
        checks="results/volumes/{scan}/checks.json",
        record="results/volumes/{scan}/record.json",
    log:
        "results/logs/ingest_scan/{scan}.log",
    benchmark:
        "results/benchmarks/ingest_scan/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=1500, per_input=12),
        runtime=minutes(base=5, per_gigabyte=10),
    params:
        scan=lambda wildcards: wildcards.scan,
        contrasts=config["contrasts"],
        layout=layout,
        overrides=lambda wildcards: cohort[wildcards.scan].overrides,
        settings=config["ingest"],
    script:
        "../scripts/ingest_scan.py"


rule tabulate_checks:
    input:
        freshness=freshness("tabulate_checks"),
        records=last_records,
        checks=expand("results/volumes/{scan}/checks.json", scan=cohort.ids),
    output:
        table="results/checks/table.tsv",
        record="results/checks/table.record.json",
    log:
        "results/logs/tabulate_checks.log",
    benchmark:
        "results/benchmarks/tabulate_checks.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        scans=summaries,
    script:
        "../scripts/tabulate_checks.py"


rule confirm_scans:
    input:
        freshness=freshness("confirm_scans"),
        table="results/checks/table.tsv",
    output:
        confirmed="results/checks/confirmed.txt",
        record="results/checks/confirmed.record.json",
    log:
        "results/logs/confirm_scans.log",
    benchmark:
        "results/benchmarks/confirm_scans.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        on_stopped=config["on_stopped_scan"],
    script:
        "../scripts/confirm_scans.py"
