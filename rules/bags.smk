# Needs: results/normalised/{scan}/ and results/bones/{scan}/corrected/dilated.nii; of benchmarks, the public data that
#        `sources` in the config names, or a way to download it.
# Gives: results/bags/{dataset}/, the instances, in one file a scan or 50 generated bags; results/manifests/, one table a
#        data set: bags, splits, labels, digests. From here on nothing knows of MRI.

from marrow.datasets.sources.catalogue import SOURCES


rule sample_bag:
    input:
        freshness=freshness("sample_bag"),
        volumes=inputs.channels,
        bones="results/bones/{scan}/corrected/dilated.nii",
        lesions=lambda wildcards: inputs.scan(wildcards).lesions,
        bone_table=plan.bone_table,
    output:
        bag="results/bags/{dataset}/{scan}.parquet",
        record="results/bags/{dataset}/{scan}.record.json",
    log:
        "results/logs/sample_bag/{dataset}/{scan}.log",
    benchmark:
        "results/benchmarks/sample_bag/{dataset}/{scan}.tsv"
    wildcard_constraints:
        dataset=inputs.sampled_sets,
    conda:
        "../envs/bags.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=700, per_input=5),
        runtime=minutes(base=5, per_gigabyte=10),
    params:
        scan="{scan}",
        patient=lambda wildcards: inputs.scan(wildcards).patient,
        contrasts=lambda wildcards: inputs.bag_set(wildcards).settings["contrasts"],
        settings=lambda wildcards: inputs.bag_set(wildcards).settings,
    script:
        "../scripts/sample_bag.py"


rule fetch_source:
    input:
        freshness=freshness("fetch_source"),
    output:
        files=["results/sources/{source}/{file}"],
        record="results/sources/{source}/{file}.record.json",
    log:
        "results/logs/fetch_source/{source}/{file}.log",
    benchmark:
        "results/benchmarks/fetch_source/{source}/{file}.tsv"
    wildcard_constraints:
        source="|".join(SOURCES),
        file="|".join(re.escape(file.name) for source in SOURCES.values() for file in source.files),
    conda:
        "../envs/bags.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=60,
    params:
        source="{source}",
        addresses=lambda wildcards: list(SOURCES[wildcards.source].addresses),
    script:
        "../scripts/fetch_source.py"


rule make_bags:
    input:
        freshness=freshness("make_bags"),
        sources=lambda wildcards: inputs.bag_set(wildcards).source_files,
    output:
        bags="results/bags/{dataset}/{block}.parquet",
        record="results/bags/{dataset}/{block}.record.json",
    log:
        "results/logs/make_bags/{dataset}/{block}.log",
    benchmark:
        "results/benchmarks/make_bags/{dataset}/{block}.tsv"
    wildcard_constraints:
        dataset=inputs.generated_sets,
        block="[a-z]+-[0-9]+",
    conda:
        "../envs/bags.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        modules=lambda wildcards: inputs.bag_set(wildcards).modules,
        source_files=lambda wildcards: inputs.bag_set(wildcards).file_counts,
        settings=lambda wildcards: inputs.bag_set(wildcards).settings,
        split=lambda wildcards: inputs.block(wildcards).split,
        first=lambda wildcards: inputs.block(wildcards).first,
        bag_count=lambda wildcards: inputs.block(wildcards).count,
    script:
        "../scripts/make_bags.py"


rule write_manifest:
    input:
        freshness=freshness("write_manifest"),
        bags=lambda wildcards: inputs.dataset(wildcards).bags,
    output:
        manifest="results/manifests/{dataset}.parquet",
        record="results/manifests/{dataset}.record.json",
    log:
        "results/logs/write_manifest/{dataset}.log",
    benchmark:
        "results/benchmarks/write_manifest/{dataset}.tsv"
    conda:
        "../envs/bags.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=1000, per_input=1),
        runtime=minutes(base=10, per_gigabyte=5),
    params:
        dataset=lambda wildcards: inputs.dataset(wildcards).name,
        classes=lambda wildcards: inputs.dataset(wildcards).classes,
        rows=lambda wildcards: inputs.dataset(wildcards).rows,
        selection=lambda wildcards: inputs.dataset(wildcards).selection,
    script:
        "../scripts/write_manifest.py"
