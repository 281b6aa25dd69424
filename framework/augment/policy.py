"""A chain of augmentations, applied to a batch inside the compiled step."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Callable

import tensorflow as tf

from framework.augment import geometry
from framework.augment.color import Photometric
from framework.augment.geometry import Fill, Geometric
from framework.random import Draws

Member = Geometric | Photometric | Fill


@dataclasses.dataclass(frozen=True)
class Policy:
    """Random changes of images, one after the other.

    All changes of geometry are one resampling, which comes first. Each member has
    draws of its own by its name, so that adding one leaves the others' as they are.

    Attributes:
        members: (name, member) in the order in which they are applied.
        clip: Whether values stay from 0 to 255.
    """

    members: tuple[tuple[str, Member], ...]
    clip: bool

    def __call__(self, images: tf.Tensor, draws: Draws, batch_size: int) -> tf.Tensor:
        """Returns augmented images, float32.

        Args:
            images: [rows, height, width, C] of any type: some rows of the batch.
            draws: Those of these rows.
            batch_size: How many rows the global batch has.
        """
        images = tf.cast(images, tf.float32)
        if any(isinstance(member, Geometric) for _, member in self.members):
            matrices = self.matrices(draws, batch_size, *images.shape[1:3])
            fill = self._fill()
            images = _compiled_warp(fill.mode, fill.cval)(images, matrices)
        for stream, member in self._streams():
            if isinstance(member, Photometric):
                images = member.apply(images, draws.uniform(stream, member.draws))
                if self.clip:
                    images = tf.clip_by_value(images, 0.0, 255.0)
        return images

    def matrices(
        self, draws: Draws, batch_size: int, height: int, width: int
    ) -> tf.Tensor:
        """Returns float32 [rows, 2, 3], from the new images to the old, in pixels."""
        # Those of the whole batch: the sine of a number can differ in its last bit
        # with its place in a vector, and so with the number of devices.
        whole = dataclasses.replace(
            draws, start=tf.zeros_like(draws.start), rows=batch_size
        )
        product = tf.eye(3, batch_shape=[batch_size])
        for stream, member in self._streams():
            if isinstance(member, Geometric):
                u = whole.uniform(stream, member.draws)
                product = _product(product, member.matrices(u, height, width))
        matrices = geometry.centred(product, height, width)
        start = tf.cast(draws.start, tf.int32)
        return tf.ensure_shape(matrices[start : start + draws.rows], [draws.rows, 2, 3])

    def _streams(self) -> list[tuple[str, Member]]:
        """Returns the members with the names of their draws."""
        seen: collections.Counter[str] = collections.Counter()
        streams = []
        for name, member in self.members:
            streams.append((f"augment/{name}/{seen[name]}", member))
            seen[name] += 1
        return streams

    def _fill(self) -> Fill:
        fills = [member for _, member in self.members if isinstance(member, Fill)]
        return fills[-1] if fills else Fill()


def _product(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns the products of [B, 3, 3] matrices, exact in float32 on any device."""
    return tf.reduce_sum(a[:, :, :, None] * b[:, None, :, :], axis=2)


@functools.cache
def _compiled_warp(fill: str, cval: float) -> Callable[..., tf.Tensor]:
    """Returns the warp compiled by XLA, several times as fast as its ops in a graph."""
    return tf.function(
        lambda images, matrices: geometry.warp(images, matrices, fill, cval),
        jit_compile=True,
        autograph=False,
    )
