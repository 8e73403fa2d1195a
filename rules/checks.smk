# Needs: how far each scan came, from the records of its last stages.
# Gives: results/checks/table.tsv, what was found in every scan of the cohort; results/checks/values.csv, what the checks
#        measured; results/checks/confirmed.txt, if no scan was stopped or the config is content with a report.


rule tabulate_checks:
    input:
        freshness=freshness("tabulate_checks"),
        records=inputs.report.all_records,
        checks=expand("results/volumes/{scan}/checks.json", scan=plan.cohort.ids),
    output:
        table=report(
            "results/checks/table.tsv",
            caption="../docs/captions/checks.rst",
            category="Scans",
            subcategory="Checks",
            labels={"scan": "all", "shows": "what the checks found"},
        ),
        values="results/checks/values.csv",
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
        scans=plan.summaries,
        voxel_ratio=config["ingest"]["checks"]["voxel_ratio"],
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
