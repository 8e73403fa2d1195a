# Needs: results/runs/{dataset}/{method}/seed-{seed}/ and results/predicted/ likewise, and the bags.
# Gives: results/repeatability/{dataset}/{method}/seed-{seed}/, whether a run says the same of parts of a bag and of a
#        patient's several bags; results/evaluation/{entry}/repeatability.csv, all of that in one table.

from marrow.planning.evaluations import EVALUATION, REPEATABILITY

REPEATED = f"{REPEATABILITY}/{RUN_NAME}"


rule measure_repeatability:
    input:
        freshness=freshness("measure_repeatability"),
        model=f"{RUN}/model.safetensors",
        predictions=f"{PREDICTED_RUN}/predictions.parquet",
        manifest="results/manifests/{dataset}.parquet",
    output:
        repeatability=f"{REPEATED}/repeatability.csv",
        record=f"{REPEATED}/record.json",
    log:
        f"results/logs/measure_repeatability/{RUN_NAME}.log",
    benchmark:
        f"results/benchmarks/measure_repeatability/{RUN_NAME}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: config["threads_per_run"]
    resources:
        mem_mb=mebibytes(base=3000, per_input=8),
        runtime=minutes(base=60, per_gigabyte=60),
        gpu=config["gpus_per_run"],
    params:
        modules=lambda wildcards: inputs.run(wildcards).modules,
        parts=config["repeatability"]["parts"],
        share=config["repeatability"]["share"],
        most_bags=config["repeatability"]["most_bags"],
        seed=config["repeatability"]["seed"],
    script:
        "../scripts/measure_repeatability.py"


rule gather_repeatability:
    input:
        freshness=freshness("gather_repeatability"),
        tables=lambda wildcards: inputs.evaluation(wildcards).repeatability,
    output:
        repeatability=f"{EVALUATION}/{{entry}}/repeatability.csv",
        record=f"{EVALUATION}/{{entry}}/repeatability.record.json",
    log:
        "results/logs/gather_repeatability/{entry}.log",
    benchmark:
        "results/benchmarks/gather_repeatability/{entry}.tsv"
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=700, per_input=8),
        runtime=minutes(base=10, per_gigabyte=60),
    params:
        methods=lambda wildcards: [run.method for run in inputs.evaluation(wildcards).runs],
        parts=lambda wildcards: inputs.evaluation(wildcards).part_of_runs,
    script:
        "../scripts/gather_repeatability.py"
