# Needs: results/resampled/{scan}/.
# Gives: results/landmarks/{scan}/{contrast}.json for the training scans; results/standard/{contrast}.npy, the standard
#        scale that they define (or a frozen one); results/normalised/{scan}/{contrast}.nii on that scale.


rule find_landmarks:
    input:
        freshness=freshness("find_landmarks"),
        resampled=expand("results/resampled/{{scan}}/{contrast}.nii", contrast=plan.acquired),
        body_resampled="results/resampled/{scan}/body.nii",
    output:
        landmarks=expand("results/landmarks/{{scan}}/{contrast}.json", contrast=plan.acquired),
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
        contrasts=plan.acquired,
        percentiles=config["standard"]["percentiles"],
        output_range=config["standard"]["output_range"],
    script:
        "../scripts/find_landmarks.py"


rule fit_standard:
    input:
        freshness=freshness("fit_standard"),
        landmarks=expand("results/landmarks/{scan}/{{contrast}}.json", scan=plan.standard_scans),
        frozen=plan.frozen_standard,
    output:
        standard="results/standard/{contrast}.npy",
        record="results/standard/{contrast}.record.json",
    log:
        "results/logs/fit_standard/{contrast}.log",
    benchmark:
        "results/benchmarks/fit_standard/{contrast}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        contrast="{contrast}",
        scans=plan.standard_scans,
    script:
        "../scripts/fit_standard.py"


rule standardise_scan:
    input:
        freshness=freshness("standardise_scan"),
        resampled=expand("results/resampled/{{scan}}/{contrast}.nii", contrast=config["contrasts"]),
        body_resampled="results/resampled/{scan}/body.nii",
        standards=expand("results/standard/{contrast}.npy", contrast=plan.acquired),
    output:
        normalised=expand("results/normalised/{{scan}}/{contrast}.nii", contrast=config["contrasts"]),
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
        contrasts=config["contrasts"],
        quantitative=plan.quantitative,
    script:
        "../scripts/standardise_scan.py"
