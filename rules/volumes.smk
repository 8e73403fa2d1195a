# Needs: the raw images of a scan, wherever the sheet says they are.
# Gives: results/volumes/{scan}/{contrast}.nii, composed, corrected and free of names; body.nii; checks.json.


rule ingest_scan:
    input:
        freshness=freshness("ingest_scan"),
        raw=inputs.raw_images,
    output:
        volumes=bulky(expand("results/volumes/{{scan}}/{contrast}.nii", contrast=plan.contrasts.names)),
        body=bulky("results/volumes/{scan}/body.nii"),
        checks="results/volumes/{scan}/checks.json",
        record="results/volumes/{scan}/record.json",
    log:
        "results/logs/ingest_scan/{scan}.log",
    benchmark:
        "results/benchmarks/ingest_scan/{scan}.tsv"
    priority: 1
    conda:
        "../envs/imaging.yaml"
    threads: plan.threads(2)
    resources:
        mem_mb=inputs.ingest_mem_mb,
        runtime=minutes(base=15, per_gigabyte=10),
    params:
        scan="{scan}",
        contrasts=plan.contrasts.declarations(),
        layout=lambda wildcards: inputs.scan(wildcards).path_counts,
        overrides=lambda wildcards: inputs.scan(wildcards).overrides,
        settings=config["ingest"],
    script:
        "../scripts/ingest_scan.py"
