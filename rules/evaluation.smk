# Needs: results/runs/{dataset}/{method}/seed-{seed}/ of every run of an entry, and results/manifests/{dataset}.parquet.
# Gives: results/evaluation/{entry}/, how good the runs are, which differ from the reference, published numbers beside
#        ours, and how training went; tables as CSV, JSON, Markdown and LaTeX, figures as SVG.

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
        tables_json=f"{EVALUATED}/tables.json",
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


# A figure shows one of the tables. None has the name of a table: the record beside a table would not be its own.
DRAWN_FROM = {
    "confusion_matrices": "confusion",
    "reliability_curves": "reliability",
    "differences": "comparisons",
    "sizes": "summary",
}


rule draw_comparison:
    input:
        freshness=freshness("draw_comparison"),
        runs_table=f"{EVALUATED}/runs.csv",
        table=lambda wildcards: f"results/evaluation/{wildcards.entry}/{DRAWN_FROM[wildcards.figure]}.csv",
    output:
        picture=report(
            f"{EVALUATED}/{{figure}}.svg",
            caption="../docs/captions/comparison.rst",
            category="Methods",
            subcategory="{entry}",
            labels={"entry": "{entry}", "shows": "{figure}"},
        ),
        record=f"{EVALUATED}/{{figure}}.record.json",
    log:
        "results/logs/draw_comparison/{entry}/{figure}.log",
    benchmark:
        "results/benchmarks/draw_comparison/{entry}/{figure}.tsv"
    wildcard_constraints:
        figure="|".join(DRAWN_FROM),
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        figure=lambda wildcards: wildcards.figure,
        about=entry_of_runs("about"),
        reference=entry_of_runs("reference"),
        significance=config["evaluation"]["significance"],
    script:
        "../scripts/draw_comparison.py"


rule gather_curves:
    input:
        freshness=freshness("gather_curves"),
        histories=files_of_runs("history.parquet"),
    output:
        curves=f"{EVALUATED}/curves.csv",
        record=f"{EVALUATED}/curves.record.json",
    log:
        "results/logs/gather_curves/{entry}.log",
    benchmark:
        "results/benchmarks/gather_curves/{entry}.tsv"
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=1000, per_input=20),
        runtime=minutes(base=10, per_gigabyte=60),
    params:
        runs=entry_of_runs("trained"),
    script:
        "../scripts/gather_curves.py"


rule draw_curves:
    input:
        freshness=freshness("draw_curves"),
        curves=f"{EVALUATED}/curves.csv",
    output:
        picture=report(
            f"{EVALUATED}/{{figure}}.svg",
            caption="../docs/captions/comparison.rst",
            category="Methods",
            subcategory="{entry}",
            labels={"entry": "{entry}", "shows": "{figure}"},
        ),
        record=f"{EVALUATED}/{{figure}}.record.json",
    log:
        "results/logs/draw_curves/{entry}/{figure}.log",
    benchmark:
        "results/benchmarks/draw_curves/{entry}/{figure}.tsv"
    wildcard_constraints:
        figure="training|weights",
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=1000, per_input=20),
        runtime=minutes(base=10, per_gigabyte=60),
    params:
        figure=lambda wildcards: wildcards.figure,
        runs=entry_of_runs("planned"),
    script:
        "../scripts/draw_curves.py"
