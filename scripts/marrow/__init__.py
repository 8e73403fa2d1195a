"""Marrow: whole-body MRI cohorts to trained, evaluated and explained multiple-instance classifiers.

The rooms, in the order of imports: each imports those above it alone (docs/architecture.md has the map).

- workflow: jobs and their records, what is stale and why; tables; statistics; device, where networks run
- imaging, bones, bags, phantom, datasets: from raw scans, a simulator or public data to bags of instances
- planning: what is to be made, known before any work
- learning, runs: from bags to trained models and their files
- evaluation, explanation: how good a model is, and where it looks
- drawing, report: pictures and the page
"""

import gc
import sys

# What a job's script imports stays: to look for garbage in it meanwhile takes a tenth of the time. `workflow.stage.run`
# switches that on again.
if hasattr(sys.modules["__main__"], "snakemake"):
    gc.disable()
