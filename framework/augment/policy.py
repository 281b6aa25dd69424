"""A chain of augmentations, applied to a batch inside the compiled step."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Callable

import tensorflow as tf

from framework import compiled
from framework.augment import geometry
from framework.augment.color import Photometric
from framework.augment.geometry import Fill, Geometric
from framework.augment.mix import Mix, partners
from framework.augment.resample import warp
from framework.errors import UsageError
from framework.numerics.draws import Draws

Member = Geometric | Photometric | Mix | Fill


@dataclasses.dataclass(frozen=True)
class Policy:
    """Random changes of images.

    All changes of geometry are one resampling, which comes first; then come those of
    pixels, then mixing, each in the order of the members. Each member has draws of its
    own by its name, so that adding one leaves the others' as they are.

    Attributes:
        members: (name, member) in the order in which they are applied.
        clip: Whether values stay from 0 to 255.
    """

    members: tuple[tuple[str, Member], ...]
    clip: bool

    def __post_init__(self):
        try:
            hash(self.members)
        except TypeError:
            raise UsageError(
                "a member of an augmentation that is a dataclass must be a frozen one"
            ) from None

    def __call__(self, images: tf.Tensor, draws: Draws, batch_size: int) -> tf.Tensor:
        """Returns changed images, float32; not yet mixed.

        Args:
            images: [rows, height, width, C] of any type: some rows of the batch.
            draws: Those of these rows.
            batch_size: How many rows the global batch has.
        """
        shape = tuple(images.shape[1:])
        if self._members(Geometric):
            matrices = self._matrices(draws, batch_size, *shape[:2])
            images = _compiled(_warp, images.shape, self._fill())(images, matrices)
        changes = self._draws(Photometric, draws, lambda each: each.draws_of(shape))
        for member, u in zip(self._members(Photometric), changes, strict=True):
            images = _compiled(_change, images.shape, member, self.clip)(images, u)
        return tf.cast(images, tf.float32)

    @property
    def mixes(self) -> bool:
        """Whether there is anything to mix images by."""
        return bool(self._members(Mix))

    @property
    def of_bytes(self) -> list[str]:
        """The names of the members that make sense for values from 0 to 255 only."""
        return [
            name
            for name, member in self.members
            if isinstance(member, Photometric) and member.of_bytes
        ]

    def mix(
        self, images: tf.Tensor, draws: Draws, counted: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns mixed images, and float32 [rows], how much of each is its own.

        The rest is its partner's: see `mix.partners`.

        Args:
            images: float32 [rows, height, width, C]; rows are even.
            draws: Those of these rows.
            counted: bool [rows]; others only fill up the batch, and are not mixed.
        """
        both = counted & partners(counted)
        share = tf.ones(images.shape[:1])
        all_draws = self._draws(Mix, draws, lambda member: member.draws)
        for member, u in zip(self._members(Mix), all_draws, strict=True):
            images, own = _compiled(_mix, images.shape, member)(images, u, both)
            # A partner may by now have something of this image.
            share = own * share + (1.0 - own) * (1.0 - partners(share))
        return images, share

    def _matrices(
        self, draws: Draws, batch_size: int, height: int, width: int
    ) -> tf.Tensor:
        """Returns float32 [rows, 2, 3], from the new images to the old, in pixels."""
        # Those of the whole batch: for another number of rows, and so on another
        # number of devices, TensorFlow may round otherwise.
        whole = dataclasses.replace(
            draws, start=tf.zeros_like(draws.start), rows=batch_size
        )
        each = self._draws(Geometric, whole, lambda member: member.draws)
        product = None
        for member, u in zip(self._members(Geometric), each, strict=True):
            matrices = member.matrices(u, height, width)
            product = (
                matrices if product is None else geometry.product(product, matrices)
            )
        matrices = geometry.centred(product, height, width)
        start = tf.cast(draws.start, tf.int32)
        # Not a slice by brackets, whose size a compiler for TPUs would not know.
        return tf.slice(matrices, [start, 0, 0], [draws.rows, 2, 3])

    def _members(self, kind: type) -> tuple[Member, ...]:
        return tuple(member for _, member in self.members if isinstance(member, kind))

    def _draws(
        self, kind: type, draws: Draws, count: Callable[[Member], int]
    ) -> list[tf.Tensor]:
        """Returns the draws of each member of a kind, each its own."""
        seen: collections.Counter[str] = collections.Counter()
        found = []
        for name, member in self.members:
            if isinstance(member, kind):
                stream = f"augment/{name}/{seen[name]}"
                found.append(draws.uniform(stream, count(member)))
            seen[name] += 1
        return found

    def _fill(self) -> Fill:
        fills = self._members(Fill)
        return fills[-1] if fills else Fill()


# Bounded: what it holds, it holds for as long as the process lives.
@functools.lru_cache(maxsize=64)
def _compiled(
    function: Callable[..., object], shape: tf.TensorShape, *settings: object
) -> tf.function:
    """Returns a function compiled by XLA, its first arguments set.

    Images of another shape are another function: to TensorFlow it would be a retrace.

    A chain of elementwise operations is several times as fast as in a graph. But one
    function of all members would be slower: XLA computes a pixel again for each that
    needs it.
    """
    return compiled.function(functools.partial(function, *settings), jit_compile=True)


def _warp(fill: Fill, images: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    images = tf.cast(images, tf.float32)
    return warp(images, matrices, fill.mode, fill.cval, fill.interpolation)


def _change(
    member: Photometric, clip: bool, images: tf.Tensor, u: tf.Tensor
) -> tf.Tensor:
    images = member.apply(tf.cast(images, tf.float32), u)
    return tf.clip_by_value(images, 0.0, 255.0) if clip else images


def _mix(
    member: Mix, images: tf.Tensor, u: tf.Tensor, both: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    mixed, own = member.apply(images, u)
    return (
        tf.where(both[:, None, None, None], mixed, images),
        tf.where(both, own, 1.0),
    )
