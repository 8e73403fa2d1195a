# Needs: results/manifests/{dataset}-training.parquet to learn from, results/manifests/{dataset}.parquet to predict, and
#        the bags that they name.
# Gives: results/seeds/{dataset}/{method}/trained.json, a note that several runs are in the archive, ready for their jobs;
#        results/runs/{dataset}/{method}/seed-{seed}/, a trained model and its history;
#        results/predicted/{dataset}/{method}/seed-{seed}/, what it says of every bag and instance of a data set, or of
#        the bags that are only predicted, which are the data set {dataset}-predict.

from marrow.planning.inputs import SEEDS


# Several seeds of a method in one process, where `seeds_per_process` says so. The jobs of these runs come after it and
# find them in the archive, each under its own fingerprint (docs/decisions/0006-seeds-in-one-process.md).
rule train_seeds:
    input:
        freshness=freshness("train_seeds"),
        manifest="results/manifests/{dataset}-training.parquet",
    output:
        trained=f"{SEEDS}/trained.json",
        record=f"{SEEDS}/record.json",
    log:
        "results/logs/train_seeds/{dataset}/{method}.log",
    benchmark:
        "results/benchmarks/train_seeds/{dataset}/{method}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: config["threads_per_run"]
    resources:
        mem_mb=each_attempt(3000 + 1000 * plan.runs.seeds_per_process),
        runtime=each_attempt(2880),
        gpu=config["gpus_per_run"],
    params:
        method="{method}",
        modules=lambda wildcards: inputs.process(wildcards)[0].training_modules,
        seeds=lambda wildcards: [run.seed for run in inputs.process(wildcards)],
        folders=lambda wildcards: [run.folder for run in inputs.process(wildcards)],
        settings=lambda wildcards: inputs.process(wildcards)[0].settings,
        augmentation=lambda wildcards: inputs.process(wildcards)[0].augmentation,
        seeds_per_process=config["seeds_per_process"],
        archive_mb=config["archive_mb"],
    script:
        "../scripts/train_seeds.py"


rule train_model:
    input:
        freshness=freshness("train_model"),
        after=inputs.trained_before(freshness.is_due),
        experts=inputs.experts,
        manifest="results/manifests/{dataset}-training.parquet",
    output:
        model=f"{RUN}/model.safetensors",
        history=f"{RUN}/history.parquet",
        summary=f"{RUN}/run.json",
        record=f"{RUN}/record.json",
    log:
        f"results/logs/train_model/{RUN_NAME}.log",
    benchmark:
        f"results/benchmarks/train_model/{RUN_NAME}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: config["threads_per_run"]
    resources:
        mem_mb=each_attempt(4000),
        runtime=each_attempt(1440),
        archive_mb=config["archive_mb"],
        gpu=config["gpus_per_run"],
    params:
        method="{method}",
        modules=lambda wildcards: inputs.run(wildcards).training_modules,
        seed=lambda wildcards: inputs.run(wildcards).seed,
        settings=lambda wildcards: inputs.run(wildcards).settings,
        augmentation=lambda wildcards: inputs.run(wildcards).augmentation,
        attributes=lambda wildcards: inputs.run(wildcards).attribute_values,
    script:
        "../scripts/train_model.py"


rule predict_bags:
    input:
        freshness=freshness("predict_bags"),
        model=lambda wildcards: f"{inputs.run(wildcards).folder}/model.safetensors",
        manifest="results/manifests/{dataset}.parquet",
    output:
        predictions=f"{PREDICTED_RUN}/predictions.parquet",
        instances=f"{PREDICTED_RUN}/instances.parquet",
        record=f"{PREDICTED_RUN}/record.json",
    log:
        f"results/logs/predict_bags/{RUN_NAME}.log",
    benchmark:
        f"results/benchmarks/predict_bags/{RUN_NAME}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: config["threads_per_run"]
    resources:
        mem_mb=each_attempt(4000),
        runtime=each_attempt(120),
        gpu=config["gpus_per_run"],
    params:
        modules=lambda wildcards: inputs.run(wildcards).modules,
    script:
        "../scripts/predict_bags.py"
