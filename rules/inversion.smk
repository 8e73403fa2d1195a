# Needs: results/runs/{dataset}/{method}/seed-{seed}/, models with attention, and the bags that they were trained on.
# Gives: results/inversion/{dataset}/{method}/seed-{seed}/, how well attention finds key instances before and after the
#        bags are inverted, as a table and as a figure.

from marrow.planning.inversions import INVERSIONS

INVERTED = f"{INVERSIONS}/{RUN_NAME}"


rule invert_run:
    input:
        freshness=freshness("invert_run"),
        model=f"{RUN}/model.safetensors",
        summary=f"{RUN}/run.json",
        training="results/manifests/{dataset}-training.parquet",
        manifest="results/manifests/{dataset}.parquet",
    output:
        scores=f"{INVERTED}/scores.csv",
        figure=report(
            f"{INVERTED}/figure.png",
            caption="../docs/captions/inversion.rst",
            category="Localisation",
            subcategory="Inversion",
            labels={"data set": "{dataset}", "method": "{method}", "seed": "{seed}"},
        ),
        record=f"{INVERTED}/record.json",
    log:
        f"results/logs/invert_run/{RUN_NAME}.log",
    benchmark:
        f"results/benchmarks/invert_run/{RUN_NAME}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: config["threads_per_run"]
    resources:
        mem_mb=each_attempt(4000),
        runtime=each_attempt(1440),
        archive_mb=config["archive_mb"],
        gpu=config["gpus_per_run"],
    params:
        title=lambda wildcards: inputs.inversion(wildcards).run.definition.title,
        settings=lambda wildcards: inputs.inversion(wildcards).settings,
        modules=lambda wildcards: inputs.run(wildcards).modules,
        negatives=inputs.negatives,
        key_classes=inputs.key_classes,
        least_lesion=config["localisation"]["least_lesion"],
    script:
        "../scripts/invert_run.py"
