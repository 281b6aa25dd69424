"""Hooks and trackers of the user's own, which receive the events of a run."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import keras
import numpy as np

from framework.config import reference, spec
from framework.errors import RunError, Stopped, UsageError
from framework.numerics.metrics import Predictions
from framework.report import Report
from framework.report.base import Forwarder

METHODS = ("after_steps", "after_evaluation", "at_end")
# What a tracker's constructor receives in parameters of these names.
_GIVEN = ("workdir", "config")


@dataclasses.dataclass(frozen=True, eq=False)
class Moment:
    """What a hook may look at, and do.

    Attributes:
        step: The number of optimizer steps so far.
        metrics: After steps: the means over the steps since the last call. After an
            evaluation and at the end: the row of metrics.jsonl.
        weights: Returns a copy of the model's weights by their paths, as arrays.
        request_stop: Ends the run after this step, with its state saved; takes the
            reason. The same command continues the run.
    """

    step: int
    metrics: Mapping[str, float]
    weights: Callable[[], dict[str, np.ndarray]]
    request_stop: Callable[[str], None]


class Hook(Protocol):
    """Looks at a run between calls of the compiled loop; any class with these methods.

    They are called in each process of the run, and must not change it.
    """

    def after_steps(self, moment: Moment) -> None:
        """The training metrics of `--log_every` steps are available."""
        ...

    def after_evaluation(self, moment: Moment) -> None:
        """An evaluation is complete, and recorded."""
        ...

    def at_end(self, moment: Moment) -> None:
        """Training has finished."""
        ...


class HookReport(Report):
    """Calls a hook.

    Args:
        hook: The hook.
        model: The model of which a hook may ask the weights.
        request_stop: Requests that the run ends; takes the reason.
        workdir: The run's folder, for messages.

    Raises:
        RunError: The hook raises an exception, which the message names.
        UsageError: The hook lacks a method.
    """

    def __init__(
        self,
        hook: Hook,
        model: keras.Model,
        request_stop: Callable[[str], None],
        workdir: str,
    ):
        check_hook(hook)
        self._hook, self._model = hook, model
        self._request_stop, self._workdir = request_stop, workdir
        self._metrics: Mapping[str, float] = {}

    def logged(self, step: int, metrics: Mapping[str, float]) -> None:
        """See base class."""
        self._call("after_steps", step, metrics)

    def evaluated(
        self,
        step: int,
        metrics: Mapping[str, float],
        predictions: Mapping[str, Predictions],
    ) -> None:
        """See base class."""
        self._metrics = dict(metrics)
        self._call("after_evaluation", step, metrics)

    def finished(self, step: int) -> None:
        """See base class."""
        self._call("at_end", step, self._metrics)

    def _call(self, method: str, step: int, metrics: Mapping[str, float]) -> None:
        name = f"{type(self._hook).__name__}.{method}"

        def request_stop(reason: str = "") -> None:
            self._request_stop(f"{name}: {reason}".rstrip(": "))

        moment = Moment(step, dict(metrics), self._weights, request_stop)
        with _named("hook", name, self._workdir):
            getattr(self._hook, method)(moment)

    def _weights(self) -> dict[str, np.ndarray]:
        return {w.path: np.array(w.value.numpy()) for w in self._model.weights}


class Tracker(Forwarder):
    """Forwards events to a report of the user's own, and names it in its errors.

    Args:
        report: The report.
        workdir: The run's folder, for messages.

    Raises:
        RunError: The report raises an exception, which the message names.
    """

    def __init__(self, report: Report, workdir: str):
        self._report, self._workdir = report, workdir

    def forward(self, event: str, *arguments: Any) -> None:
        """See base class."""
        name = f"{type(self._report).__name__}.{event}"
        with _named("report", name, self._workdir):
            getattr(self._report, event)(*arguments)


def check_hook(hook: object) -> None:
    """Checks that an object has the methods of a hook.

    Raises:
        UsageError: It lacks one.
    """
    missing = [name for name in METHODS if not callable(getattr(hook, name, None))]
    if missing or isinstance(hook, type):
        kind = hook.__name__ if isinstance(hook, type) else type(hook).__name__
        what = f"lacks {', '.join(missing)}" if missing else "is a class, not an object"
        raise UsageError(
            f"the hook {kind} {what}; a hook is an object with the methods "
            f"{', '.join(METHODS)}"
        )


def check(text: str) -> None:
    """Checks the names and arguments of a `--hooks` spec; builds nothing.

    Raises:
        UsageError: A class cannot be imported, or does not take the arguments.
    """
    _constructors(text, "hook", {})


def check_report(text: str) -> None:
    """Checks the names and arguments of a `--report` spec; builds nothing.

    Raises:
        UsageError: A class cannot be imported, is no report, or does not take the
            arguments.
    """
    for call, constructor in _constructors(text, "report", {}):
        kind: object = constructor.func
        is_report = isinstance(kind, type) and issubclass(kind, Report)
        spec.require(call, is_report, "a subclass of framework.report.Report")


def build(text: str) -> list[Hook]:
    """Builds the hooks of a `--hooks` spec.

    Args:
        text: `module:Class(...)`, joined by "+"; empty for none.

    Raises:
        UsageError: A class cannot be imported or built, or lacks a method.
    """
    hooks = []
    for call, constructor in _constructors(text, "hook", {}):
        hook = reference.call(constructor, call.name)
        check_hook(hook)
        hooks.append(hook)
    return hooks


def build_reports(text: str, workdir: str, config: Mapping[str, Any]) -> list[Report]:
    """Builds the reports of a `--report` spec.

    Args:
        text: `module:Class(...)`, joined by "+"; empty for none. The constructor's
            parameters named workdir and config, if any, receive those below.
        workdir: The run's folder.
        config: The fields of the config.

    Raises:
        UsageError: A class cannot be imported or built, or is no report.
    """
    check_report(text)
    given = {"workdir": workdir, "config": dict(config)}
    return [
        Tracker(reference.call(constructor, call.name), workdir)
        for call, constructor in _constructors(text, "report", given)
    ]


def _constructors(
    text: str, kind: str, given: Mapping[str, Any]
) -> Sequence[tuple[spec.Call, functools.partial[Any]]]:
    """Returns each call of a spec, and its constructor with all arguments."""
    constructors = []
    for call in spec.parts(text):
        if ":" not in call.name:
            message = f"a {kind} of your own is named module:Class, not {call.name!r}"
            raise spec.error(call.text, call.column, message)
        constructor = spec.look_up(call, {}, kind)
        spec.require(call, spec.takes(constructor, 0), "a class with a signature")
        arguments = spec.arguments(call, _without(constructor, _GIVEN))
        names = inspect.signature(constructor).parameters
        arguments |= {name: given[name] for name in given if name in names}
        constructors.append((call, functools.partial(constructor, **arguments)))
    return constructors


def _without(function: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """Returns a placeholder with the signature of a function but some parameters."""

    def placeholder() -> None:
        pass

    signature = inspect.signature(function)
    kept = [p for p in signature.parameters.values() if p.name not in names]
    # `inspect.signature` reads this attribute, which the type of functions lacks.
    placeholder.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=kept
    )
    placeholder.__module__ = function.__module__
    return placeholder


@contextlib.contextmanager
def _named(kind: str, name: str, workdir: str) -> Iterator[None]:
    """Names a user's own code in what it raises.

    Raises:
        RunError: It raises any exception but a request to stop.
    """
    try:
        yield
    except (KeyboardInterrupt, Stopped, MemoryError):
        raise
    except BaseException as problem:
        raise RunError(
            f"{kind} {name}: {reference.summary(problem)}; the run in {workdir} keeps "
            f"its checkpoints: mend the {kind}, and rerun the same command to resume"
        ) from problem
