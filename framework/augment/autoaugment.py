"""The learnt policies of AutoAugment (Cubuk et al., 2019, appendix).

A policy has 25 pairs of operations. Each operation has a name, a probability, and a
magnitude from 0 to 9, which is ignored by operations without a magnitude.
"""

from __future__ import annotations

Operation = tuple[str, float, int]


def _parse(text: str) -> list[tuple[Operation, Operation]]:
    """Parses pairs of operations, one pair of six words a line."""
    pairs = []
    for line in text.strip().splitlines():
        a, p, m, b, q, n = line.split()
        pairs.append(((a, float(p), int(m)), (b, float(q), int(n))))
    return pairs


POLICIES = {
    "imagenet": _parse("""
        posterize 0.4 8 rotate 0.6 9
        solarize 0.6 5 autocontrast 0.6 0
        equalize 0.8 0 equalize 0.6 0
        posterize 0.6 7 posterize 0.6 6
        equalize 0.4 0 solarize 0.2 4
        equalize 0.4 0 rotate 0.8 8
        solarize 0.6 3 equalize 0.6 0
        posterize 0.8 5 equalize 1 0
        rotate 0.2 3 solarize 0.6 8
        equalize 0.6 0 posterize 0.4 6
        rotate 0.8 8 saturation 0.4 0
        rotate 0.4 9 equalize 0.6 0
        equalize 0 0 equalize 0.8 0
        invert 0.6 0 equalize 1 0
        saturation 0.6 4 contrast 1 8
        rotate 0.8 8 saturation 1 2
        saturation 0.8 8 solarize 0.8 7
        sharpness 0.4 7 invert 0.6 0
        shear_x 0.6 5 equalize 1 0
        saturation 0.4 0 equalize 0.6 0
        equalize 0.4 0 solarize 0.2 4
        solarize 0.6 5 autocontrast 0.6 0
        invert 0.6 0 equalize 1 0
        saturation 0.6 4 contrast 1 8
        equalize 0.8 0 equalize 0.6 0
    """),
    "cifar10": _parse("""
        invert 0.1 0 contrast 0.2 6
        rotate 0.7 2 translate_x 0.3 9
        sharpness 0.8 1 sharpness 0.9 3
        shear_y 0.5 8 translate_y 0.7 9
        autocontrast 0.5 0 equalize 0.9 0
        shear_y 0.2 7 posterize 0.3 7
        saturation 0.4 3 brightness 0.6 7
        sharpness 0.3 9 brightness 0.7 9
        equalize 0.6 0 equalize 0.5 0
        contrast 0.6 7 sharpness 0.6 5
        saturation 0.7 7 translate_x 0.5 8
        equalize 0.3 0 autocontrast 0.4 0
        translate_y 0.4 3 sharpness 0.2 6
        brightness 0.9 6 saturation 0.2 8
        solarize 0.5 2 invert 0 0
        equalize 0.2 0 autocontrast 0.6 0
        equalize 0.2 0 equalize 0.6 0
        saturation 0.9 9 equalize 0.6 0
        autocontrast 0.8 0 solarize 0.2 8
        brightness 0.1 3 saturation 0.7 0
        solarize 0.4 5 autocontrast 0.9 0
        translate_y 0.9 9 translate_y 0.7 9
        autocontrast 0.9 0 solarize 0.8 3
        equalize 0.8 0 invert 0.1 0
        translate_y 0.7 9 autocontrast 0.9 0
    """),
    "svhn": _parse("""
        shear_x 0.9 4 invert 0.2 0
        shear_y 0.9 8 invert 0.7 0
        equalize 0.6 0 solarize 0.6 6
        invert 0.9 0 equalize 0.6 0
        equalize 0.6 0 rotate 0.9 3
        shear_x 0.9 4 autocontrast 0.8 0
        shear_y 0.9 8 invert 0.4 0
        shear_y 0.9 5 solarize 0.2 6
        invert 0.9 0 autocontrast 0.8 0
        equalize 0.6 0 rotate 0.9 3
        shear_x 0.9 4 solarize 0.3 3
        shear_y 0.8 8 invert 0.7 0
        equalize 0.9 0 translate_y 0.6 6
        invert 0.9 0 equalize 0.6 0
        contrast 0.3 3 rotate 0.8 4
        invert 0.8 0 translate_y 0 2
        shear_y 0.7 6 solarize 0.4 8
        invert 0.6 0 rotate 0.8 4
        shear_y 0.3 7 translate_x 0.9 3
        shear_x 0.1 6 invert 0.6 0
        solarize 0.7 2 translate_y 0.6 7
        shear_y 0.8 4 invert 0.8 0
        shear_x 0.7 9 translate_y 0.8 3
        shear_y 0.8 5 autocontrast 0.7 0
        shear_x 0.7 2 invert 0.1 0
    """),
}
