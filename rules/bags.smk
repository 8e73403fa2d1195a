# Needs: results/normalised/{scan}/ and results/bones/{scan}/corrected/dilated.nii; of benchmarks, the public data that
#        `sources` in the config names, or a way to download it.
# Gives: results/bags/{dataset}/, the instances, in one file a scan or 50 generated bags; results/manifests/, one table a
#        data set: bags, splits, labels, digests. From here on nothing knows of MRI.

from marrow.planning.kinds import module_of


rule sample_bag:
    input:
        freshness=freshness("sample_bag"),
        volumes=bag_channels,
        bones="results/bones/{scan}/corrected/dilated.nii",
        lesions=lesion_mask,
        bone_table=BONE_TABLE,
    output:
        bag="results/bags/{dataset}/{scan}.parquet",
        record="results/bags/{dataset}/{scan}.record.json",
    log:
        "results/logs/sample_bag/{dataset}/{scan}.log",
    benchmark:
        "results/benchmarks/sample_bag/{dataset}/{scan}.tsv"
    wildcard_constraints:
        dataset=bag_sets_of("scans"),
    conda:
        "../envs/bags.yaml"
    threads: 1
    resources:
        mem_mb=mebibytes(base=700, per_input=5),
        runtime=minutes(base=5, per_gigabyte=10),
    params:
        scan=lambda wildcards: wildcards.scan,
        patient=lambda wildcards: cohort[wildcards.scan].patient,
        contrasts=bag_setting("contrasts"),
        settings=lambda wildcards: data.bag_sets[wildcards.dataset].settings,
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
        source=lambda wildcards: wildcards.source,
        addresses=lambda wildcards: list(SOURCES[wildcards.source].addresses),
    script:
        "../scripts/fetch_source.py"


rule make_bags:
    input:
        freshness=freshness("make_bags"),
        sources=lambda wildcards: [
            file for files in data.bag_sets[wildcards.dataset].sources.values() for file in files
        ],
    output:
        bags="results/bags/{dataset}/{block}.parquet",
        record="results/bags/{dataset}/{block}.record.json",
    log:
        "results/logs/make_bags/{dataset}/{block}.log",
    benchmark:
        "results/benchmarks/make_bags/{dataset}/{block}.tsv"
    wildcard_constraints:
        dataset="|".join(map(re.escape, data.generated)) or "(?!)",
        block="[a-z]+-[0-9]+",
    conda:
        "../envs/bags.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        modules=lambda wildcards: [module_of("datasets", data.bag_sets[wildcards.dataset].kind)],
        source_files=lambda wildcards: {
            source: len(files) for source, files in data.bag_sets[wildcards.dataset].sources.items()
        },
        settings=lambda wildcards: data.bag_sets[wildcards.dataset].settings,
        split=block("split"),
        first=block("first"),
        bag_count=block("count"),
    script:
        "../scripts/make_bags.py"


rule write_manifest:
    input:
        freshness=freshness("write_manifest"),
        bags=data_set("bags"),
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
        dataset=lambda wildcards: wildcards.dataset,
        classes=data_set("classes"),
        rows=data_set("rows"),
        selection=data_set("selection"),
    script:
        "../scripts/write_manifest.py"
