# Needs: nothing but the config.
# Gives: results/cohort/{scan}/, a simulated scan with its truths, where the config names no sample sheet.


rule simulate_scan:
    input:
        freshness=freshness("simulate_scan"),
        bone_table=plan.bone_table,
    output:
        stations=[directory(f"results/cohort/{{scan}}/{contrast}") for contrast in plan.contrasts.given],
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
        mem_mb=each_attempt(4000),
        runtime=each_attempt(15),
    params:
        contrasts=plan.contrasts.given,
        scan=lambda wildcards: inputs.simulated[wildcards.scan],
        settings=plan.settings("simulate", without=["patients", "faults", "repeat_every"]),
    script:
        "../scripts/simulate_scan.py"
