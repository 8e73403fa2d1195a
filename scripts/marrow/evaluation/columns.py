"""The metrics by name, and the columns of every table of an evaluation.

`part` names the runs that a row averages: a data set, or all folds and repeats of a cross-validated entry.
"""

from marrow.tables.frames import Columns

METRIC_TITLES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "f1": "F1",
    "auc": "AUC",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "calibration_error": "Calibration error",
}
METRICS = tuple(METRIC_TITLES)
LOWER_IS_BETTER = ("log_loss", "brier", "calibration_error")

COLUMNS: dict[str, Columns] = {
    "runs": {
        "dataset": str, "method": str, "title": str, "seed": int, "status": str, "reason": str,
        "bags": float, "patients": float, **dict.fromkeys(METRICS, float), "part": str,
    },
    "summary": {
        "method": str, "metric": str, "mean": float, "std": float, "sem": float, "n": int,
        "low": float, "high": float, "part": str,
    },
    "comparisons": {
        "method": str, "reference": str, "metric": str, "difference": float, "low": float, "high": float,
        "p": float, "p_corrected": float, "patients": int, "runs": int, "part": str,
    },
    "confusion": {
        "method": str, "label": str, "predicted": str, "count": int, "row_percent": float, "part": str,
    },
    "reliability": {
        "method": str, "bin": int, "low": float, "high": float, "count": int, "mean_probability": float,
        "observed": float, "part": str,
    },
    "groups": {
        "method": str, "grouping": str, "group": str, "metric": str, "mean": float, "n": int, "part": str,
    },
    "experts": {
        "method": str, "bag": str, "label": str, "pictures": str, "attributes": str, "both": str, "share": float,
        "part": str,
    },
    "notes": {"method": str, "metric": str, "note": str, "part": str},
    "tables": {
        "table": str, "row": str, "column": str, "metric": str, "method": str, "published": str,
        "published_spread": str, "spread_kind": str, "ours": float, "ours_std": float, "ours_sem": float,
        "ours_n": float, "low": float, "high": float, "p_corrected": float, "mark": str, "note": str, "part": str,
    },
    "repeatability": {
        "method": str, "runs": int, "bags": int, "agreement": float, "with_whole": float, "deviation": float,
        "majority_right": float, "patients": int, "bags_agreement": float, "bags_difference": float,
        "bags_majority_right": float, "part": str,
    },
    "curves": {"dataset": str, "method": str, "seed": int, "epoch": int, "quantity": str, "value": float},
}  # fmt: skip
