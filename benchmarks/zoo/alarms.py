"""Counts on how many sound programs a cause was confirmed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from framework.numerics.intervals import proportion


def page(lines: Iterable[Mapping[str, Any]], floors: Mapping[str, float]) -> str:
    """Returns the counts as text.

    Args:
        lines: What was done; `Job.of` describes them.
        floors: The accuracy that each case must reach to count as sound.
    """
    causes: dict[str, list[list[str]]] = defaultdict(list)
    left_out, errors = [], []
    for line in lines:
        name = line["case"]
        if name not in floors:
            continue
        if "error" in line:
            errors.append(f"{name}, seed {line['seed']}: {line['error']}")
        elif line["kind"] == "diagnosed":
            causes[name].append(confirmed(line))
        elif line["accuracy"] < floors[name]:
            left_out.append(f"{name}, seed {line['seed']}: {line['accuracy']:.3f}")
    by_training = [names for trainings in causes.values() for names in trainings]
    alarms = sum(map(bool, by_training))
    programs = sum(any(trainings) for trainings in causes.values())
    counts = Counter(cause for names in by_training for cause in names)
    text = [
        f"a cause is confirmed: {alarms} of {len(by_training)} trainings, "
        f"{proportion(alarms, len(by_training))}",
        f"with any seed: {programs} of {len(causes)} programs, "
        f"{proportion(programs, len(causes))}",
    ]
    text += [f"    {cause}: {count}" for cause, count in counts.most_common()]
    text += [f"not sound, left out: {training}" for training in left_out]
    text += [f"could not be done: {training}" for training in errors]
    return "\n".join(text)


def confirmed(line: Mapping[str, Any]) -> list[str]:
    """Returns the causes that a diagnosis confirms, of a line of results."""
    return [
        finding["cause"]
        for finding in line["findings"]
        if finding["status"] == "confirmed"
    ]
