# Needs: results/resampled/{scan}/ and, of some training scans, annotated bones in results/labels/{scan}/bones.nii; or
#        bone maps of another program.
# Gives: results/bone_network/{trained_on}/, the network that finds bones, trained on the annotated training scans, or on
#        `all` annotated ones; results/bone_atlas/, their mean skeleton; results/bone_surface/, what
#        the surface of their bones looks like; results/bones/{scan}/, a scan's bones as found,
#        corrected, dilated and pictured; results/bones/scores.csv, what that is worth on scans that no network saw.

from marrow.bones.segmentation.tile_memory import MOST_MB


rule train_bones:
    input:
        freshness=freshness("train_bones"),
        volumes=expand(
            "results/resampled/{scan}/{contrast}.nii",
            scan=plan.bones.annotated,
            contrast=plan.bones.contrasts,
        ),
        bodies=expand("results/resampled/{scan}/body.nii", scan=plan.bones.annotated),
        annotations=expand("results/labels/{scan}/bones.nii", scan=plan.bones.annotated),
        bone_table=plan.bone_table,
    output:
        network="results/bone_network/{trained_on}/model.safetensors",
        history="results/bone_network/{trained_on}/history.csv",
        record="results/bone_network/{trained_on}/record.json",
    log:
        "results/logs/train_bones/{trained_on}.log",
    benchmark:
        "results/benchmarks/train_bones/{trained_on}.tsv"
    # Much waits for it, and so for the stages above, which have the same priority.
    priority: 1
    conda:
        "../envs/learning.yaml"
    threads: plan.threads(8)
    resources:
        mem_mb=mebibytes(base=4000, per_input=1),
        runtime=minutes(base=2880, per_gigabyte=10),
        archive_mb=config["archive_mb"],
        gpu=config["bones"]["gpus"],
    params:
        training=lambda wildcards: plan.bones.scans_of(wildcards.trained_on)[0],
        validation=lambda wildcards: plan.bones.scans_of(wildcards.trained_on)[1],
        contrasts=plan.bones.contrasts,
        architecture=plan.bones.architecture,
        settings=plan.bones.recipe,
    script:
        "../scripts/train_bones.py"


rule segment_bones:
    input:
        freshness=freshness("segment_bones"),
        volumes=expand("results/resampled/{{scan}}/{contrast}.nii", contrast=plan.bones.contrasts),
        body_resampled="results/resampled/{scan}/body.nii",
        network=lambda wildcards: plan.bones.network_for(wildcards.scan),
        bone_table=plan.bone_table,
    output:
        found="results/bones/{scan}/network.nii",
        record="results/bones/{scan}/network.record.json",
    log:
        "results/logs/segment_bones/{scan}.log",
    benchmark:
        "results/benchmarks/segment_bones/{scan}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: plan.threads(4)
    resources:
        mem_mb=mebibytes(base=1500 + (config["bones"]["tile_mb"] or MOST_MB), per_input=3),
        runtime=minutes(base=60, per_gigabyte=60),
        gpu=config["bones"]["gpus"],
    params:
        contrasts=plan.bones.contrasts,
        tile_mb=config["bones"]["tile_mb"],
    script:
        "../scripts/segment_bones.py"


rule map_bones:
    input:
        freshness=freshness("map_bones"),
        maps=lambda wildcards: inputs.scan(wildcards).premade,
        mappings=plan.bones.mappings,
        reference="results/resampled/{scan}/body.nii",
        bone_table=plan.bone_table,
    output:
        mapped="results/bones/{scan}/precomputed.nii",
        record="results/bones/{scan}/precomputed.record.json",
    log:
        "results/logs/map_bones/{scan}.log",
    benchmark:
        "results/benchmarks/map_bones/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=700, per_input=20),
        runtime=minutes(base=2, per_gigabyte=5),
    script:
        "../scripts/map_bones.py"


rule build_atlas:
    input:
        freshness=freshness("build_atlas"),
        waters=expand(f"results/resampled/{{scan}}/{plan.contrasts.grid}.nii", scan=plan.bones.training),
        bodies=expand("results/resampled/{scan}/body.nii", scan=plan.bones.training),
        annotations=expand("results/labels/{scan}/bones.nii", scan=plan.bones.training),
        bone_table=plan.bone_table,
    output:
        template="results/bone_atlas/template.nii",
        atlas_bones="results/bone_atlas/bones.nii",
        agreement="results/bone_atlas/agreement.nii",
        record="results/bone_atlas/record.json",
    log:
        "results/logs/build_atlas.log",
    benchmark:
        "results/benchmarks/build_atlas.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: plan.threads(4)
    resources:
        mem_mb=4000,
        runtime=minutes(base=10, per_gigabyte=15),
        archive_mb=config["archive_mb"],
    params:
        settings=plan.bones.atlas_settings,
    script:
        "../scripts/build_atlas.py"


rule register_atlas:
    input:
        freshness=freshness("register_atlas"),
        water=f"results/resampled/{{scan}}/{plan.contrasts.grid}.nii",
        body_resampled="results/resampled/{scan}/body.nii",
        template=f"{plan.bones.atlas}/template.nii",
        atlas_bones=f"{plan.bones.atlas}/bones.nii",
        agreement=f"{plan.bones.atlas}/agreement.nii",
    output:
        atlas="results/bones/{scan}/atlas/bones.nii",
        support="results/bones/{scan}/atlas/agreement.nii",
        record="results/bones/{scan}/atlas/record.json",
    log:
        "results/logs/register_atlas/{scan}.log",
    benchmark:
        "results/benchmarks/register_atlas/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=1500, per_input=8),
        runtime=minutes(base=5, per_gigabyte=15),
    params:
        settings=plan.bones.atlas_settings,
    script:
        "../scripts/register_atlas.py"


rule learn_surface:
    input:
        freshness=freshness("learn_surface"),
        volumes=expand(
            "results/resampled/{scan}/{contrast}.nii",
            scan=plan.bones.training,
            contrast=plan.bones.contrasts,
        ),
        bodies=expand("results/resampled/{scan}/body.nii", scan=plan.bones.training),
        raw_bones=expand(plan.bones.raw, scan=plan.bones.training),
        atlases=expand("results/bones/{scan}/atlas/bones.nii", scan=plan.bones.training),
        supports=expand("results/bones/{scan}/atlas/agreement.nii", scan=plan.bones.training),
        annotations=expand("results/labels/{scan}/bones.nii", scan=plan.bones.training),
        bone_table=plan.bone_table,
    output:
        surface="results/bone_surface/surface.npz",
        record="results/bone_surface/record.json",
    log:
        "results/logs/learn_surface.log",
    benchmark:
        "results/benchmarks/learn_surface.tsv"
    conda:
        "../envs/learning.yaml"
    threads: plan.threads(2)
    resources:
        mem_mb=3000,
        runtime=minutes(base=10, per_gigabyte=15),
        archive_mb=config["archive_mb"],
    params:
        contrasts=plan.bones.contrasts,
        roles=[plan.contrasts.main_roles[contrast] for contrast in plan.bones.contrasts],
        settings=config["bones"]["correction"]["surface"],
    script:
        "../scripts/learn_surface.py"


rule correct_bones:
    input:
        freshness=freshness("correct_bones"),
        raw_bones=plan.bones.raw,
        water=f"results/resampled/{{scan}}/{plan.contrasts.grid}.nii",
        body_resampled="results/resampled/{scan}/body.nii",
        atlas=["results/bones/{scan}/atlas/bones.nii"] if plan.bones.atlas else [],
        support=["results/bones/{scan}/atlas/agreement.nii"] if plan.bones.atlas else [],
        volumes=(
            expand("results/resampled/{{scan}}/{contrast}.nii", contrast=plan.bones.contrasts)
            if plan.bones.surface
            else []
        ),
        surface=[plan.bones.surface] if plan.bones.surface else [],
        bone_table=plan.bone_table,
    output:
        corrected="results/bones/{scan}/corrected/bones.nii",
        dilated="results/bones/{scan}/corrected/dilated.nii",
        steps="results/bones/{scan}/corrected/steps.npz",
        corrections="results/bones/{scan}/corrected/corrections.json",
        record="results/bones/{scan}/corrected/record.json",
    log:
        "results/logs/correct_bones/{scan}.log",
    benchmark:
        "results/benchmarks/correct_bones/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=1000, per_input=8),
        runtime=minutes(base=5, per_gigabyte=15),
    params:
        contrasts=plan.bones.contrasts,
        settings=config["bones"]["correction"],
    script:
        "../scripts/correct_bones.py"


rule draw_bones:
    input:
        freshness=freshness("draw_bones"),
        water=f"results/resampled/{{scan}}/{plan.contrasts.grid}.nii",
        body_resampled="results/resampled/{scan}/body.nii",
        raw_bones=plan.bones.raw,
        dilated="results/bones/{scan}/corrected/dilated.nii",
        steps="results/bones/{scan}/corrected/steps.npz",
        corrections="results/bones/{scan}/corrected/corrections.json",
        bone_table=plan.bone_table,
    output:
        sheet=report(
            "results/bones/{scan}/sheet.png",
            caption="../docs/captions/bones.rst",
            category="Scans",
            subcategory="Bones",
            labels={"scan": "{scan}", "shows": "bone sheet"},
        ),
        record="results/bones/{scan}/sheet.record.json",
    log:
        "results/logs/draw_bones/{scan}.log",
    benchmark:
        "results/benchmarks/draw_bones/{scan}.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=800, per_input=4),
        runtime=minutes(base=2, per_gigabyte=5),
        archive_mb=config["archive_mb"],
    params:
        scan="{scan}",
        settings=config["bones"]["sheet"],
    script:
        "../scripts/draw_bones.py"


rule score_bones:
    input:
        freshness=freshness("score_bones"),
        raw_bones=plan.bones.raw,
        corrected="results/bones/{scan}/corrected/bones.nii",
        annotation="results/labels/{scan}/bones.nii",
        bone_table=plan.bone_table,
    output:
        scores="results/bones/{scan}/scores.csv",
        record="results/bones/{scan}/scores.record.json",
    log:
        "results/logs/score_bones/{scan}.log",
    benchmark:
        "results/benchmarks/score_bones/{scan}.tsv"
    conda:
        "../envs/maps.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=700, per_input=10),
        runtime=minutes(base=5, per_gigabyte=15),
    params:
        scan="{scan}",
    script:
        "../scripts/score_bones.py"


rule gather_scores:
    input:
        freshness=freshness("gather_scores"),
        scores=expand("results/bones/{scan}/scores.csv", scan=plan.bones.validation),
    output:
        scores_table=report(
            "results/bones/scores.csv",
            caption="../docs/captions/scores.rst",
            category="Scans",
            subcategory="Bones",
            labels={"scan": "all", "shows": "scores of the bones"},
        ),
        record="results/bones/scores.record.json",
    log:
        "results/logs/gather_scores.log",
    benchmark:
        "results/benchmarks/gather_scores.tsv"
    conda:
        "../envs/maps.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    script:
        "../scripts/gather_scores.py"
