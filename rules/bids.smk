# Needs: results/normalised/{scan}/, results/resampled/{scan}/body.nii and the corrected bones.
# Gives: results/bids/dataset/, all of them as BIDS derivatives, if the config asks for it.

from marrow.planning.bids import FOLDER


rule write_bids:
    input:
        freshness=freshness("write_bids"),
        normalised=expand(
            "results/normalised/{scan}/{contrast}.nii",
            scan=plan.cohort.ids,
            contrast=plan.contrasts.names,
        ),
        bodies=expand("results/resampled/{scan}/body.nii", scan=plan.cohort.ids),
        bones=expand("results/bones/{scan}/corrected/bones.nii", scan=plan.scans_with_bones),
        bone_table=plan.bone_table,
    output:
        folder=directory(FOLDER),
        record="results/bids/record.json",
    log:
        "results/logs/write_bids.log",
    benchmark:
        "results/benchmarks/write_bids.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=minutes(base=10, per_gigabyte=5),
    params:
        scans=plan.summaries,
        sessions=inputs.bids_sessions,
        contrasts=plan.contrasts.declarations(),
        remove_face=config["remove_face"],
    script:
        "../scripts/write_bids.py"
