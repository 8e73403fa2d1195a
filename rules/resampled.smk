# Needs: results/volumes/{scan}/, every contrast on the grid it was acquired on.
# Gives: results/resampled/{scan}/{contrast}.nii and body.nii, all on one isotropic grid taken from that of the role grid;
#        results/labels/{scan}/{kind}.nii, the sheet's label maps on the same grid.


rule resample_scan:
    input:
        freshness=freshness("resample_scan"),
        volumes=expand("results/volumes/{{scan}}/{contrast}.nii", contrast=plan.contrasts.names),
        body="results/volumes/{scan}/body.nii",
    output:
        resampled=bulky(
            expand(
                "results/resampled/{{scan}}/{contrast}.nii",
                contrast=plan.contrasts.names,
            )
        ),
        body_resampled="results/resampled/{scan}/body.nii",
        record="results/resampled/{scan}/record.json",
    log:
        "results/logs/resample_scan/{scan}.log",
    benchmark:
        "results/benchmarks/resample_scan/{scan}.tsv"
    priority: 1
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=700, per_input=3),
        runtime=minutes(base=2, per_gigabyte=5),
    params:
        contrasts=plan.contrasts.names,
        grid_of=plan.contrasts.grid,
        spacing_mm=plan.spacing_mm,
        smooth_above_ratio=config["resample"]["smooth_above_ratio"],
    script:
        "../scripts/resample_scan.py"


rule resample_labels:
    input:
        freshness=freshness("resample_labels"),
        labels=lambda wildcards: [inputs.scan(wildcards).truths[wildcards.kind]],
        reference="results/resampled/{scan}/body.nii",
        bone_table=plan.bone_table,
    output:
        resampled_labels="results/labels/{scan}/{kind}.nii",
        record="results/labels/{scan}/{kind}.record.json",
    log:
        "results/logs/resample_labels/{scan}/{kind}.log",
    benchmark:
        "results/benchmarks/resample_labels/{scan}/{kind}.tsv"
    priority: 1
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=700, per_input=20),
        runtime=minutes(base=2, per_gigabyte=5),
    params:
        kind="{kind}",
    script:
        "../scripts/resample_labels.py"
