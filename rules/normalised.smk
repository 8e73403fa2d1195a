# Needs: results/resampled/{scan}/.
# Gives: results/landmarks/{scan}/{contrast}.json for the training scans; results/standard/{scale}.npy, the standard
#        scale that they define for a contrast and b-value (or a frozen one); results/normalised/{scan}/{contrast}.nii on
#        that scale.


rule find_landmarks:
    input:
        freshness=freshness("find_landmarks"),
        resampled=expand("results/resampled/{{scan}}/{contrast}.nii", contrast=plan.contrasts.standardised),
        body_resampled="results/resampled/{scan}/body.nii",
    output:
        landmarks=expand("results/landmarks/{{scan}}/{contrast}.json", contrast=plan.contrasts.standardised),
        record="results/landmarks/{scan}/record.json",
    log:
        "results/logs/find_landmarks/{scan}.log",
    benchmark:
        "results/benchmarks/find_landmarks/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=500, per_input=3),
        runtime=minutes(base=2, per_gigabyte=2),
    params:
        contrasts=plan.contrasts.standardised,
        percentiles=config["standard"]["percentiles"],
        output_range=config["standard"]["output_range"],
    script:
        "../scripts/find_landmarks.py"


rule fit_standard:
    input:
        freshness=freshness("fit_standard"),
        landmarks=inputs.standard_landmarks,
        frozen=lambda wildcards: plan.standards.frozen_file(wildcards.scale),
    output:
        standard="results/standard/{scale}.npy",
        record="results/standard/{scale}.record.json",
    log:
        "results/logs/fit_standard/{scale}.log",
    benchmark:
        "results/benchmarks/fit_standard/{scale}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        scale="{scale}",
        scans=lambda wildcards: list(plan.standards[wildcards.scale].scans),
    script:
        "../scripts/fit_standard.py"


rule standardise_scan:
    input:
        freshness=freshness("standardise_scan"),
        resampled=expand("results/resampled/{{scan}}/{contrast}.nii", contrast=plan.contrasts.names),
        body_resampled="results/resampled/{scan}/body.nii",
        standards=lambda wildcards: plan.standards.files(wildcards.scan),
    output:
        normalised=expand("results/normalised/{{scan}}/{contrast}.nii", contrast=plan.contrasts.names),
        record="results/normalised/{scan}/record.json",
    log:
        "results/logs/standardise_scan/{scan}.log",
    benchmark:
        "results/benchmarks/standardise_scan/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: plan.threads(2)
    resources:
        mem_mb=mebibytes(base=700, per_input=3),
        runtime=minutes(base=2, per_gigabyte=5),
    params:
        contrasts=plan.contrasts.names,
        standardised=plan.contrasts.standardised,
    script:
        "../scripts/standardise_scan.py"
