# Needs: results/runs/{dataset}/{method}/seed-{seed}/ and results/predicted/ likewise of every run of an entry, and
#        results/manifests/{dataset}.parquet.
# Gives: results/evaluation/{entry}/, how good the runs are, which differ from the reference, published numbers beside
#        ours, and how training went; tables as CSV, JSON, Markdown and LaTeX, figures as SVG.

from marrow.planning.evaluations import CURVE_FIGURES, EVALUATION, TABLE_FIGURES

EVALUATED = f"{EVALUATION}/{{entry}}"


rule evaluate_runs:
    input:
        freshness=freshness("evaluate_runs"),
        predictions=lambda wildcards: inputs.evaluation(wildcards).predictions,
        run_records=lambda wildcards: inputs.evaluation(wildcards).of_runs("record.json"),
        manifests=lambda wildcards: inputs.evaluation(wildcards).manifests,
    output:
        runs_table=f"{EVALUATED}/runs.csv",
        summary=f"{EVALUATED}/summary.csv",
        comparisons=f"{EVALUATED}/comparisons.csv",
        confusion=f"{EVALUATED}/confusion.csv",
        reliability=f"{EVALUATED}/reliability.csv",
        groups=f"{EVALUATED}/groups.csv",
        experts=f"{EVALUATED}/experts.csv",
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
        runs=lambda wildcards: inputs.evaluation(wildcards).planned,
        datasets=lambda wildcards: list(inputs.evaluation(wildcards).parts),
        reference=lambda wildcards: inputs.evaluation(wildcards).reference,
        bag=lambda wildcards: inputs.evaluation(wildcards).bag,
        settings=plan.settings("evaluation", without=["reference"]),
    script:
        "../scripts/evaluate_runs.py"


rule write_tables:
    input:
        freshness=freshness("write_tables"),
        runs_table=f"{EVALUATED}/runs.csv",
        summary=f"{EVALUATED}/summary.csv",
        comparisons=f"{EVALUATED}/comparisons.csv",
        notes=f"{EVALUATED}/notes.csv",
        published=str(plan.schemas / "published.yaml"),
        published_numbers=str(plan.schemas / "published.csv"),
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
        entry="{entry}",
        about=lambda wildcards: inputs.evaluation(wildcards).about,
        reference=lambda wildcards: inputs.evaluation(wildcards).reference,
        significance=config["evaluation"]["significance"],
    script:
        "../scripts/write_tables.py"


rule draw_comparison:
    input:
        freshness=freshness("draw_comparison"),
        runs_table=f"{EVALUATED}/runs.csv",
        table=lambda wildcards: inputs.evaluation(wildcards).table_of(wildcards.figure),
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
        figure="|".join(TABLE_FIGURES),
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        figure="{figure}",
        about=lambda wildcards: inputs.evaluation(wildcards).about,
        reference=lambda wildcards: inputs.evaluation(wildcards).reference,
        significance=config["evaluation"]["significance"],
    script:
        "../scripts/draw_comparison.py"


rule gather_curves:
    input:
        freshness=freshness("gather_curves"),
        histories=lambda wildcards: inputs.evaluation(wildcards).of_runs("history.parquet"),
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
        runs=lambda wildcards: inputs.evaluation(wildcards).trained,
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
        figure="|".join(CURVE_FIGURES),
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=1000, per_input=20),
        runtime=minutes(base=10, per_gigabyte=60),
    params:
        figure="{figure}",
        runs=lambda wildcards: inputs.evaluation(wildcards).planned,
    script:
        "../scripts/draw_curves.py"
