# Needs: results/runs/{dataset}/{method}/seed-{seed}/, results/predicted/ likewise, the bags, and of scans their
#        standardised volumes, bones and lesion masks.
# Gives: results/localisation/{dataset}/{method}/seed-{seed}/, how well a run finds what is key, and what its verdicts
#        rest on; results/evaluation/{entry}/localisation.csv, all of that in one table; results/maps/, where a run looks
#        in a scan.


rule score_instances:
    input:
        freshness=freshness("score_instances"),
        instances="results/runs/{dataset}/{method}/seed-{seed}/instances.parquet",
        manifest="results/manifests/{dataset}.parquet",
        lesions=lambda wildcards: [f"results/labels/{scan}/lesions.nii" for scan in tested_lesions(wildcards)],
    output:
        scores="results/localisation/{dataset}/{method}/seed-{seed}/scores.csv",
        bag_scores="results/localisation/{dataset}/{method}/seed-{seed}/bags.csv",
        curves="results/localisation/{dataset}/{method}/seed-{seed}/froc.csv",
        record="results/localisation/{dataset}/{method}/seed-{seed}/record.json",
    log:
        "results/logs/score_instances/{dataset}/{method}/seed-{seed}.log",
    benchmark:
        "results/benchmarks/score_instances/{dataset}/{method}/seed-{seed}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=1000, per_input=8),
        runtime=minutes(base=10, per_gigabyte=30),
    params:
        lesion_scans=tested_lesions,
        negatives=negative_classes,
        key_classes=classes_of_keys,
        least_lesion=config["localisation"]["least_lesion"],
        tops=config["localisation"]["tops"],
    script:
        "../scripts/score_instances.py"


rule perturb_bags:
    input:
        freshness=freshness("perturb_bags"),
        model="results/runs/{dataset}/{method}/seed-{seed}/model.safetensors",
        instances="results/runs/{dataset}/{method}/seed-{seed}/instances.parquet",
        predictions="results/runs/{dataset}/{method}/seed-{seed}/predictions.parquet",
        manifest="results/manifests/{dataset}.parquet",
    output:
        perturbation="results/localisation/{dataset}/{method}/seed-{seed}/perturbation.csv",
        record="results/localisation/{dataset}/{method}/seed-{seed}/perturbation.record.json",
    log:
        "results/logs/perturb_bags/{dataset}/{method}/seed-{seed}.log",
    benchmark:
        "results/benchmarks/perturb_bags/{dataset}/{method}/seed-{seed}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: config["threads_per_run"]
    resources:
        mem_mb=mebibytes(base=3000, per_input=8),
        runtime=minutes(base=60, per_gigabyte=60),
        gpu=config["gpus_per_run"],
    params:
        negatives=negative_classes,
        shares=config["localisation"]["drop_shares"],
        orders=config["localisation"]["drop_orders"],
        most_bags=config["localisation"]["drop_bags"],
    script:
        "../scripts/perturb_bags.py"


rule gather_localisation:
    input:
        freshness=freshness("gather_localisation"),
        scores=scored_runs("{folder}/scores.csv"),
        bag_scores=scored_runs("{folder}/bags.csv"),
        perturbations=scored_runs("{folder}/perturbation.csv") if config["localisation"]["drop_bags"] else [],
        inversions=inverted_runs("{folder}/scores.csv"),
    output:
        localisation=report(
            "results/evaluation/{entry}/localisation.csv",
            caption="../docs/captions/localisation.rst",
            category="Localisation",
            subcategory="{entry}",
            labels={"entry": "{entry}", "shows": "scores"},
        ),
        record="results/evaluation/{entry}/localisation.record.json",
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
        methods=lambda wildcards: [run.method for run in where.of_entry(wildcards.entry)],
    script:
        "../scripts/gather_localisation.py"


# Of scans, a map; the wildcard is not `scan`, or the stop of a run with another seed would stop this one's maps.
rule draw_map:
    input:
        freshness=freshness("draw_map"),
        model="results/runs/{dataset}/{method}/seed-{seed}/model.safetensors",
        instances=lambda wildcards: f"{planned_map('source')(wildcards)}/instances.parquet",
        predictions=lambda wildcards: f"{planned_map('source')(wildcards)}/predictions.parquet",
        other_seeds=other_seeds,
        manifest=lambda wildcards: f"results/manifests/{planned_map('manifest')(wildcards)}.parquet",
        background=lambda wildcards: f"results/normalised/{wildcards.bag}/{map_contrast(wildcards)}.nii",
        bones="results/bones/{bag}/corrected/dilated.nii",
        lesions=lambda wildcards: [
            f"results/labels/{scan}/lesions.nii" for scan in cohort.with_truth("lesions") if scan == wildcards.bag
        ],
        original="results/volumes/{bag}/water.nii",
    output:
        weights="results/maps/{dataset}/{method}/seed-{seed}/{bag}/map.nii.gz",
        weights_original="results/maps/{dataset}/{method}/seed-{seed}/{bag}/original.nii.gz",
        figure=report(
            "results/maps/{dataset}/{method}/seed-{seed}/{bag}/figure.png",
            caption="../docs/captions/map.rst",
            category="Localisation",
            subcategory="Maps",
            labels={"scan": "{bag}", "method": "{method}", "seed": "{seed}"},
        ),
        bone_weights="results/maps/{dataset}/{method}/seed-{seed}/{bag}/bones.csv",
        top="results/maps/{dataset}/{method}/seed-{seed}/{bag}/top.png",
        about="results/maps/{dataset}/{method}/seed-{seed}/{bag}/about.json",
        record="results/maps/{dataset}/{method}/seed-{seed}/{bag}/record.json",
    log:
        "results/logs/draw_map/{dataset}/{method}/seed-{seed}/{bag}.log",
    benchmark:
        "results/benchmarks/draw_map/{dataset}/{method}/seed-{seed}/{bag}.tsv"
    conda:
        "../envs/maps.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=2000, per_input=6),
        runtime=minutes(base=10, per_gigabyte=30),
        archive_mb=config["archive_mb"],
    params:
        scan=lambda wildcards: wildcards.bag,
        title=lambda wildcards: planned_map("run")(wildcards).title,
        contrast=lambda wildcards: map_contrast(wildcards),
        negatives=negative_classes,
        settings={key: value for key, value in config["maps"].items() if key not in {"methods", "seeds"}},
    script:
        "../scripts/draw_map.py"
