"""What `calib check` found, in words for people; programs read the keys."""

from typing import Any

_WORDS = {
    "image_size": "image",
    "lens": "lens model",
    "made": "made",
    "rms_px": "residual, rms, px",
    "p95_px": "residual, p95, px",
    "coverage": "share of image covered",
    "points": "points",
    "verdict": "verdict",
    "views": "views",
    "tilt_directions": "directions of tilt",
    "held_out_rms_px": "residual on views left out, px",
    "uncertainty_p95_px": "uncertainty, p95, px",
    "halves_p95_px": "halves differ, p95, px",
    "plane": "plane",
    "measured_from": "measured from",
    "rms_mm": "residual, rms, mm",
    "held_out_rms_mm": "error at points left out in turn, rms, mm",
    "new_points": "new points",
    "worst_mm": "worst error, mm",
    "worst_at": "worst at, px",
    "mm_per_px_middle": "mm a pixel, in the middle",
    "mm_per_px_top_left": "mm a pixel, top left",
    "mm_per_px_bottom_right": "mm a pixel, bottom right",
    "new_images": "new images",
    "apart_px": "lens of these images alone differs, p95, px",
    "frame": "frame of",
    "cameras": "cameras",
    "baselines_mm": "between cameras, mm",
    "moments": "moments of two or more cameras",
    "held_out_length_rms_mm": "lengths left out, error, rms, mm",
    "held_out_length_bias": "lengths left out, mean error, share",
}
_TOLD_APART = "reasons"  # a sentence each, on stderr


def check_lines(report: dict[str, Any]) -> list[str]:
    """A line for each number; those of a part, such as the plane, stand indented below its name."""
    rows = list(_rows(report, indent=""))
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {value}".rstrip() for name, value in rows]


def _rows(values: dict[str, Any], *, indent: str) -> list[tuple[str, str]]:
    rows = []
    for key, value in values.items():
        name = f"{indent}{_WORDS.get(key, key)}"
        if key == _TOLD_APART:
            continue
        if isinstance(value, dict):
            rows += [(name, ""), *_rows(value, indent=f"{indent}  ")]
        else:
            rows.append((name, _shown(key, value)))
    return rows


def _shown(key: str, value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ("x" if key == "image_size" else ", ").join(map(str, value)) or "none"
    return ("none" if key in {"plane", "lens"} else "not known") if value is None else str(value)
