# Needs: results/runs/{dataset}/{method}/seed-{seed}/ and results/predicted/ likewise, the bags, and of scans their
#        standardised volumes, bones and lesion masks.
# Gives: results/localisation/{dataset}/{method}/seed-{seed}/, how well a run finds what is key, and what its verdicts
#        rest on; results/evaluation/{entry}/localisation.csv, all of that in one table; results/maps/, where a run looks
#        in a scan.

from marrow.planning.evaluations import EVALUATION
from marrow.planning.localisation import LOCALISATION, MAPS

LOCALISED = f"{LOCALISATION}/{RUN_NAME}"
MAP = f"{MAPS}/{RUN_NAME}/{{bag}}"


rule score_instances:
    input:
        freshness=freshness("score_instances"),
        instances=f"{PREDICTED_RUN}/instances.parquet",
        manifest="results/manifests/{dataset}.parquet",
        lesions=inputs.lesions,
    output:
        scores=f"{LOCALISED}/scores.csv",
        bag_scores=f"{LOCALISED}/bags.csv",
        curves=f"{LOCALISED}/froc.csv",
        record=f"{LOCALISED}/record.json",
    log:
        f"results/logs/score_instances/{RUN_NAME}.log",
    benchmark:
        f"results/benchmarks/score_instances/{RUN_NAME}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=1000, per_input=8),
        runtime=minutes(base=10, per_gigabyte=30),
    params:
        lesion_scans=inputs.lesion_scans,
        negatives=inputs.negatives,
        key_classes=inputs.key_classes,
        least_lesion=config["localisation"]["least_lesion"],
        tops=config["localisation"]["tops"],
    script:
        "../scripts/score_instances.py"


rule perturb_bags:
    input:
        freshness=freshness("perturb_bags"),
        model=f"{RUN}/model.safetensors",
        instances=f"{PREDICTED_RUN}/instances.parquet",
        predictions=f"{PREDICTED_RUN}/predictions.parquet",
        manifest="results/manifests/{dataset}.parquet",
    output:
        perturbation=f"{LOCALISED}/perturbation.csv",
        record=f"{LOCALISED}/perturbation.record.json",
    log:
        f"results/logs/perturb_bags/{RUN_NAME}.log",
    benchmark:
        f"results/benchmarks/perturb_bags/{RUN_NAME}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: config["threads_per_run"]
    resources:
        mem_mb=mebibytes(base=3000, per_input=8),
        runtime=minutes(base=60, per_gigabyte=60),
        gpu=config["gpus_per_run"],
    params:
        modules=lambda wildcards: inputs.run(wildcards).modules,
        negatives=inputs.negatives,
        shares=config["localisation"]["drop_shares"],
        orders=config["localisation"]["drop_orders"],
        most_bags=config["localisation"]["drop_bags"],
    script:
        "../scripts/perturb_bags.py"


rule gather_localisation:
    input:
        freshness=freshness("gather_localisation"),
        scores=inputs.of_scored_runs("scores.csv"),
        bag_scores=inputs.of_scored_runs("bags.csv"),
        perturbations=(inputs.of_scored_runs("perturbation.csv") if config["localisation"]["drop_bags"] else []),
        inversions=inputs.inversion_scores,
    output:
        localisation=report(
            f"{EVALUATION}/{{entry}}/localisation.csv",
            caption="../docs/captions/localisation.rst",
            category="Localisation",
            subcategory="{entry}",
            labels={"entry": "{entry}", "shows": "scores"},
        ),
        record=f"{EVALUATION}/{{entry}}/localisation.record.json",
    log:
        "results/logs/gather_localisation/{entry}.log",
    benchmark:
        "results/benchmarks/gather_localisation/{entry}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=700, per_input=8),
        runtime=minutes(base=10, per_gigabyte=60),
    params:
        methods=lambda wildcards: [run.method for run in plan.localisation.of_entry(wildcards.entry)],
    script:
        "../scripts/gather_localisation.py"


# Of scans, a map; the wildcard is not `scan`, or the stop of a run with another seed would stop this one's maps.
rule draw_map:
    input:
        freshness=freshness("draw_map"),
        model=f"{RUN}/model.safetensors",
        instances=lambda wildcards: f"{inputs.map(wildcards).source}/instances.parquet",
        predictions=lambda wildcards: f"{inputs.map(wildcards).source}/predictions.parquet",
        other_seeds=inputs.other_seeds,
        manifest=lambda wildcards: inputs.map(wildcards).manifest,
        background=lambda wildcards: inputs.map(wildcards).background,
        bones="results/bones/{bag}/corrected/dilated.nii",
        lesions=lambda wildcards: plan.cohort[wildcards.bag].lesions,
        original=f"results/volumes/{{bag}}/{plan.contrasts.grid}.nii",
    output:
        weights=f"{MAP}/map.nii.gz",
        weights_original=f"{MAP}/original.nii.gz",
        figure=report(
            f"{MAP}/figure.png",
            caption="../docs/captions/map.rst",
            category="Localisation",
            subcategory="Maps",
            labels={"scan": "{bag}", "method": "{method}", "seed": "{seed}"},
        ),
        bone_weights=f"{MAP}/bones.csv",
        top=f"{MAP}/top.png",
        about=f"{MAP}/about.json",
        record=f"{MAP}/record.json",
    log:
        f"results/logs/draw_map/{RUN_NAME}/{{bag}}.log",
    benchmark:
        f"results/benchmarks/draw_map/{RUN_NAME}/{{bag}}.tsv"
    conda:
        "../envs/maps.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=2000, per_input=6),
        runtime=minutes(base=10, per_gigabyte=30),
        archive_mb=config["archive_mb"],
    params:
        scan="{bag}",
        modules=lambda wildcards: inputs.run(wildcards).modules,
        title=lambda wildcards: inputs.map(wildcards).run.definition.title,
        contrast=lambda wildcards: inputs.map(wildcards).contrast,
        negatives=inputs.negatives,
        settings=plan.settings("maps", without=["methods", "seeds"]),
    script:
        "../scripts/draw_map.py"
