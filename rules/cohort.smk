# Needs: nothing but the config.
# Gives: results/cohort/{scan}/, a simulated scan with its truths, where the config names no sample sheet.


rule simulate_scan:
    input:
        freshness=freshness("simulate_scan"),
        bone_table=BONE_TABLE,
    output:
        stations=[directory(f"results/cohort/{{scan}}/{contrast}") for contrast in ACQUIRED],
        bones="results/cohort/{scan}/bones.nii.gz",
        lesions="results/cohort/{scan}/lesions.nii.gz",
        record="results/cohort/{scan}/record.json",
    log:
        "results/logs/simulate_scan/{scan}.log",
    benchmark:
        "results/benchmarks/simulate_scan/{scan}.tsv"
    priority: 1
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 15 * attempt,
    params:
        contrasts=ACQUIRED,
        scan=simulated_scan,
        settings=PHANTOM,
    script:
        "../scripts/simulate_scan.py"
