# Needs: results/manifests/{dataset}.parquet, and the bags that it names.
# Gives: results/seeds/{dataset}/{method}/trained.json, a note that several runs are in the archive, ready for their jobs;
#        results/runs/{dataset}/{method}/seed-{seed}/, a trained model, its history, and what it says of every bag and
#        instance; results/predicted/{dataset}/{method}/seed-{seed}/, what it says of scans that are only predicted.


# Several seeds of a method in one process, where `seeds_per_process` says so. The jobs of these runs come after it and
# find them in the archive, each under its own fingerprint (docs/decisions/0006-seeds-in-one-process.md).
rule train_seeds:
    input:
        freshness=freshness("train_seeds"),
        manifest="results/manifests/{dataset}.parquet",
    output:
        trained="results/seeds/{dataset}/{method}/trained.json",
        record="results/seeds/{dataset}/{method}/record.json",
    log:
        "results/logs/train_seeds/{dataset}/{method}.log",
    benchmark:
        "results/benchmarks/train_seeds/{dataset}/{method}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: config["threads_per_run"]
    resources:
        mem_mb=lambda wildcards, attempt: attempt * (3000 + 1000 * planned.at_once),
        runtime=lambda wildcards, attempt: attempt * 2880,
        gpu=config["gpus_per_run"],
    params:
        method=lambda wildcards: wildcards.method,
        seeds=lambda wildcards: [run.seed for run in together(wildcards)],
        folders=lambda wildcards: [run.folder for run in together(wildcards)],
        settings=lambda wildcards: together(wildcards)[0].settings,
        augmentation=lambda wildcards: together(wildcards)[0].augmentation,
        at_once=config["seeds_per_process"],
        archive_mb=config["archive_mb"],
    script:
        "../scripts/train_seeds.py"


rule train_model:
    input:
        freshness=freshness("train_model"),
        after=trained_before,
        manifest="results/manifests/{dataset}.parquet",
    output:
        model="results/runs/{dataset}/{method}/seed-{seed}/model.safetensors",
        history="results/runs/{dataset}/{method}/seed-{seed}/history.parquet",
        predictions="results/runs/{dataset}/{method}/seed-{seed}/predictions.parquet",
        instances="results/runs/{dataset}/{method}/seed-{seed}/instances.parquet",
        summary="results/runs/{dataset}/{method}/seed-{seed}/run.json",
        record="results/runs/{dataset}/{method}/seed-{seed}/record.json",
    log:
        "results/logs/train_model/{dataset}/{method}/seed-{seed}.log",
    benchmark:
        "results/benchmarks/train_model/{dataset}/{method}/seed-{seed}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: config["threads_per_run"]
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 4000,
        runtime=lambda wildcards, attempt: attempt * 1440,
        archive_mb=config["archive_mb"],
        gpu=config["gpus_per_run"],
    params:
        method=lambda wildcards: wildcards.method,
        seed=lambda wildcards: int(wildcards.seed),
        settings=planned_run("settings"),
        augmentation=planned_run("augmentation"),
    script:
        "../scripts/train_model.py"


rule predict_bags:
    input:
        freshness=freshness("predict_bags"),
        model="results/runs/{dataset}/{method}/seed-{seed}/model.safetensors",
        manifest="results/manifests/{dataset}-predict.parquet",
    output:
        predictions="results/predicted/{dataset}/{method}/seed-{seed}/predictions.parquet",
        instances="results/predicted/{dataset}/{method}/seed-{seed}/instances.parquet",
        record="results/predicted/{dataset}/{method}/seed-{seed}/record.json",
    log:
        "results/logs/predict_bags/{dataset}/{method}/seed-{seed}.log",
    benchmark:
        "results/benchmarks/predict_bags/{dataset}/{method}/seed-{seed}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: config["threads_per_run"]
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 4000,
        runtime=lambda wildcards, attempt: attempt * 120,
        gpu=config["gpus_per_run"],
    script:
        "../scripts/predict_bags.py"
