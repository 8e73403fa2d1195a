# Needs: results/manifests/{dataset}.parquet, and the bags that it names.
# Gives: results/packed/{dataset}/{method}/trained.json, a note that several runs are in the archive, ready for their jobs;
#        results/runs/{dataset}/{method}/seed-{seed}/, a trained model, its history, and what it says of every bag and
#        instance; results/predicted/{dataset}/{method}/seed-{seed}/, what it says of scans that are only predicted.

from marrow.planning.inputs.runs import PACKED
from marrow.planning.runs import PREDICTED

PREDICTED_RUN = f"{PREDICTED}/{RUN_NAME}"


# Several seeds of a method in one process, where `seeds_per_process` says so. The jobs of these runs come after it and
# find them in the archive, each under its own fingerprint (docs/decisions/0006-seeds-in-one-process.md).
rule train_packed:
    input:
        freshness=freshness("train_packed"),
        manifest="results/manifests/{dataset}.parquet",
    output:
        trained=f"{PACKED}/trained.json",
        record=f"{PACKED}/record.json",
    log:
        "results/logs/train_packed/{dataset}/{method}.log",
    benchmark:
        "results/benchmarks/train_packed/{dataset}/{method}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: config["threads_per_run"]
    resources:
        mem_mb=each_attempt(3000 + 1000 * plan.runs.at_once),
        runtime=each_attempt(2880),
        gpu=config["gpus_per_run"],
    params:
        method="{method}",
        seeds=inputs.runs.packed_seeds,
        folders=inputs.runs.packed_folders,
        settings=inputs.runs.packed_settings,
        augmentation=inputs.runs.packed_augmentation,
        at_once=config["seeds_per_process"],
        archive_mb=config["archive_mb"],
    script:
        "../scripts/train_packed.py"


rule train_model:
    input:
        freshness=freshness("train_model"),
        after=inputs.runs.packed_first(freshness.is_due),
        manifest="results/manifests/{dataset}.parquet",
    output:
        model=f"{RUN}/model.safetensors",
        history=f"{RUN}/history.parquet",
        predictions=f"{RUN}/predictions.parquet",
        instances=f"{RUN}/instances.parquet",
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
        seed=inputs.runs.seed,
        settings=inputs.runs.settings,
        augmentation=inputs.runs.augmentation,
    script:
        "../scripts/train_model.py"


rule predict_bags:
    input:
        freshness=freshness("predict_bags"),
        model=f"{RUN}/model.safetensors",
        manifest="results/manifests/{dataset}-predict.parquet",
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
    script:
        "../scripts/predict_bags.py"
