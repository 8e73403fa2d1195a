# Needs: results/runs/{dataset}/{method}/seed-{seed}/ of every run of an entry, and results/manifests/{dataset}.parquet.
# Gives: results/evaluation/{entry}/, how good the runs are, which differ from the reference, published numbers beside
#        ours, and how training went; tables as CSV, Markdown and LaTeX, figures as SVG.

EVALUATED = "results/evaluation/{entry}"
SETTINGS_OF_EVALUATION = {key: value for key, value in config["evaluation"].items() if key != "reference"}


rule evaluate_runs:
    input:
        freshness=freshness("evaluate_runs"),
        predictions=files_of_runs("predictions.parquet"),
        run_records=files_of_runs("record.json"),
        manifests=entry_of_runs("manifests"),
    output:
        runs_table=f"{EVALUATED}/runs.csv",
        summary=f"{EVALUATED}/summary.csv",
        comparisons=f"{EVALUATED}/comparisons.csv",
        confusion=f"{EVALUATED}/confusion.csv",
        reliability=f"{EVALUATED}/reliability.csv",
        groups=f"{EVALUATED}/groups.csv",
        notes=f"{EVALUATED}/notes.csv",
        record=f"{EVALUATED}/record.json",
    log:
        "results/logs/evaluate_runs/{entry}.log",
    benchmark:
        "results/benchmarks/evaluate_runs/{entry}.tsv"
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=1000, per_input=10),
        runtime=minutes(base=20, per_gigabyte=60),
    params:
        runs=entry_of_runs("planned"),
        datasets=lambda wildcards: list(evaluations[wildcards.entry].parts),
        reference=entry_of_runs("reference"),
        bag=lambda wildcards: "scan" if evaluations[wildcards.entry].about["kind"] == "scans" else "bag",
        settings=SETTINGS_OF_EVALUATION,
    script:
        "../scripts/evaluate_runs.py"


rule write_tables:
    input:
        freshness=freshness("write_tables"),
        runs_table=f"{EVALUATED}/runs.csv",
        summary=f"{EVALUATED}/summary.csv",
        comparisons=f"{EVALUATED}/comparisons.csv",
        notes=f"{EVALUATED}/notes.csv",
        published=str(SCHEMAS / "published.yaml"),
        published_numbers=str(SCHEMAS / "published.csv"),
    output:
        tables_csv=f"{EVALUATED}/tables.csv",
        tables_markdown=f"{EVALUATED}/tables.md",
        tables_latex=f"{EVALUATED}/tables.tex",
        record=f"{EVALUATED}/tables.record.json",
    log:
        "results/logs/write_tables/{entry}.log",
    benchmark:
        "results/benchmarks/write_tables/{entry}.tsv"
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        entry=lambda wildcards: wildcards.entry,
        about=entry_of_runs("about"),
        reference=entry_of_runs("reference"),
        significance=config["evaluation"]["significance"],
    script:
        "../scripts/write_tables.py"
