# Needs: results/runs/{dataset}/{method}/seed-{seed}/, models with attention, and the bags that they were trained on.
# Gives: results/inversion/{dataset}/{method}/seed-{seed}/, how well attention finds key instances before and after the
#        bags are inverted, as a table and as a figure.


rule invert_run:
    input:
        freshness=freshness("invert_run"),
        model="results/runs/{dataset}/{method}/seed-{seed}/model.safetensors",
        summary="results/runs/{dataset}/{method}/seed-{seed}/run.json",
        manifest="results/manifests/{dataset}.parquet",
    output:
        scores="results/inversion/{dataset}/{method}/seed-{seed}/scores.csv",
        figure=report(
            "results/inversion/{dataset}/{method}/seed-{seed}/figure.png",
            caption="../docs/captions/inversion.rst",
            category="Localisation",
            subcategory="Inversion",
            labels={"data set": "{dataset}", "method": "{method}", "seed": "{seed}"},
        ),
        record="results/inversion/{dataset}/{method}/seed-{seed}/record.json",
    log:
        "results/logs/invert_run/{dataset}/{method}/seed-{seed}.log",
    benchmark:
        "results/benchmarks/invert_run/{dataset}/{method}/seed-{seed}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: config["threads_per_run"]
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 4000,
        runtime=lambda wildcards, attempt: attempt * 1440,
        archive_mb=config["archive_mb"],
        gpu=config["gpus_per_run"],
    params:
        title=lambda wildcards: planned_inversion(wildcards).run.title,
        settings=lambda wildcards: planned_inversion(wildcards).settings,
        negatives=negative_classes,
        key_classes=classes_of_keys,
        least_lesion=config["localisation"]["least_lesion"],
    script:
        "../scripts/invert_run.py"
