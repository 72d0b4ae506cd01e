#!/usr/bin/env python3
"""Writes the golden numbers of anomaly detection: what scikit-learn and SciPy compute, for the tests to compare with.

    python3 -m venv golden && golden/bin/pip install scikit-learn scipy numpy
    golden/bin/python3 anomaly.py

Writes anomaly.json beside this file. The committed one was made with scikit-learn 1.9.1 and SciPy 1.17.1.

AUPRO is the area under the mean, over the connected regions of all masks, of each region's ROC curve against the pixels of no
region, up to a false positive rate of 0.3 and divided by it: the definition of anomalib, without its resampling of each
curve to a common number of points, which moves the first of these numbers by 2e-4.
"""

import json
import pathlib

import numpy as np
from scipy.ndimage import gaussian_filter, label
from scipy.stats import false_discovery_control, ks_2samp
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 0.3
rng = np.random.default_rng(1)


def detection(normal, abnormal):
    scores = np.concatenate([normal, abnormal])
    truth = np.concatenate([np.zeros(len(normal)), np.ones(len(abnormal))])
    return {
        "normal": normal.tolist(),
        "abnormal": abnormal.tolist(),
        "auroc": roc_auc_score(truth, scores),
        "average_precision": average_precision_score(truth, scores),
    }


def partial_area(scores, truth):
    fpr, tpr, _ = roc_curve(truth, scores, drop_intermediate=False)
    end = np.interp(LIMIT, fpr, tpr)
    inside = fpr < LIMIT
    fpr, tpr = np.append(fpr[inside], LIMIT), np.append(tpr[inside], end)
    return np.trapezoid(tpr, fpr) / LIMIT


def localisation(maps, masks):
    regions, count = np.zeros(masks.shape, int), 0
    for image, mask in enumerate(masks):
        numbers, found = label(mask, structure=np.ones((3, 3)))
        regions[image] = np.where(numbers > 0, numbers + count, 0)
        count += found
    areas = []
    for region in range(1, count + 1):
        kept = (regions == 0) | (regions == region)
        areas.append(partial_area(maps[kept], regions[kept] == region))
    return {
        "width": maps.shape[2],
        "maps": maps.reshape(len(maps), -1).tolist(),
        "masks": masks.reshape(len(masks), -1).astype(int).tolist(),
        "regions": count,
        "pixel_auroc": roc_auc_score(masks.ravel(), maps.ravel()),
        "aupro": float(np.mean(areas)),
    }


def smoothed(map_, sigma):
    result = gaussian_filter(map_.astype(float), sigma, mode="reflect", truncate=4.0)
    return {"width": map_.shape[1], "sigma": sigma, "map": map_.ravel().tolist(), "smoothed": result.ravel().tolist()}


masks = rng.random((4, 13, 11)) < 0.12
masks[0] = False
masks[1, 2:7, 3:8] = True
coarse = np.round(rng.normal(size=masks.shape) + 1.2 * masks, 1).astype(np.float32)
fine = (rng.normal(size=masks.shape) + 0.8 * masks).astype(np.float32)
p_values = rng.random(40) ** 3
calibration, new = rng.normal(size=70), rng.normal(size=130) + 0.3

golden = {
    "detection": [
        detection(rng.normal(size=60), rng.normal(size=40) + 1),
        detection(np.round(2 * rng.normal(size=50)), np.round(2 * rng.normal(size=9)) + 2),
    ],
    "localisation": [localisation(coarse, masks), localisation(fine, masks)],
    "smoothing": [smoothed(rng.random((9, 7)).astype(np.float32), sigma) for sigma in (0.4, 1.0, 3.0)],
    "discovery": {"p_values": p_values.tolist(), "adjusted": false_discovery_control(p_values).tolist()},
    "drift": {
        "calibration": calibration.tolist(),
        "new": new.tolist(),
        "distance": ks_2samp(calibration, new).statistic,
        "p_value": ks_2samp(calibration, new, method="exact").pvalue,
    },
}
(HERE / "anomaly.json").write_text(json.dumps(golden) + "\n")
