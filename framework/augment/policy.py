"""A sequence of augmentations, applied to batches inside the compiled step."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Callable, Iterator

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
    """A sequence of random augmentations.

    Geometric members are combined into one resampling, which comes first; photometric
    members follow, then mixing, each in the order of the members. Each member has an
    independent random stream, so that adding a member leaves the others unchanged.

    Attributes:
        members: (name, member), in the order of application.
        clip: Whether to clip values to the range 0 to 255.
    """

    members: tuple[tuple[str, Member], ...]
    clip: bool

    def __post_init__(self) -> None:
        try:
            hash(self.members)
        except TypeError:
            raise UsageError(
                "an augmentation that is a dataclass must be frozen: decorate it with "
                "@dataclasses.dataclass(frozen=True)"
            ) from None

    def __call__(self, images: tf.Tensor, draws: Draws, batch_size: int) -> tf.Tensor:
        """Returns transformed images, float32, without mixing.

        Args:
            images: [rows, height, width, C] of any dtype: some rows of the batch.
            draws: The random numbers of these rows.
            batch_size: Rows in the global batch.
        """
        height, width, channels = images.shape[1:]
        shape = (height, width, channels)
        matrices = self._matrices(draws, batch_size, shape)
        if matrices is not None:
            images = _compiled(_warp, images.shape, self._fill())(images, matrices)
        for stream, member in self._streams():
            if isinstance(member, Photometric):
                u = draws.uniform(stream, member.num_draws(shape))
                images = _compiled(_apply, images.shape, member, self.clip)(images, u)
        return tf.cast(images, tf.float32)

    @property
    def has_mix(self) -> bool:
        """Whether a member mixes images."""
        return any(isinstance(member, Mix) for _, member in self.members)

    @property
    def byte_members(self) -> list[str]:
        """The names of the members that require values from 0 to 255."""
        return [
            name
            for name, member in self.members
            if isinstance(member, Photometric) and member.needs_bytes
        ]

    def mix(
        self, images: tf.Tensor, draws: Draws, counted: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns mixed images, and the weights of their own labels, float32 [rows].

        The partner's label has the rest of the weight: see `mix.partners`.

        Args:
            images: float32 [rows, height, width, C]; the number of rows is even.
            draws: The random numbers of these rows.
            counted: bool [rows]; False for padding, which is not mixed.
        """
        is_mixed = counted & partners(counted)
        weight = tf.ones(images.shape[:1])
        shape = tuple(images.shape[1:])
        for stream, member in self._streams():
            if isinstance(member, Mix):
                u = draws.uniform(stream, member.num_draws(shape))
                images, own = _compiled(_mix, images.shape, member)(images, u, is_mixed)
                # After an earlier mix the partner contains a part of this image.
                weight = own * weight + (1.0 - own) * (1.0 - partners(weight))
        return images, weight

    def _matrices(
        self, draws: Draws, batch_size: int, shape: tuple[int, int, int]
    ) -> tf.Tensor | None:
        """Returns the product of all geometric members, from new to old pixels.

        Returns:
            float32 [rows, 2, 3]; None without geometric members.
        """
        # Computed for the whole batch: with another number of rows, and so of devices,
        # TensorFlow may round differently.
        whole = dataclasses.replace(
            draws, start=tf.zeros_like(draws.start), rows=batch_size
        )
        height, width, _ = shape
        product = None
        for stream, member in self._streams():
            if isinstance(member, Geometric):
                u = whole.uniform(stream, member.num_draws(shape))
                matrices = member.matrices(u, height, width)
                product = (
                    matrices if product is None else geometry.compose(product, matrices)
                )
        if product is None:
            return None
        matrices = geometry.with_corner_origin(product, height, width)
        start = tf.cast(draws.start, tf.int32)
        # Not a slice by brackets, whose size is unknown to the compiler of TPUs.
        return tf.slice(matrices, [start, 0, 0], [draws.rows, 2, 3])

    def _streams(self) -> Iterator[tuple[str, Member]]:
        """Yields the random stream of each member, and the member."""
        seen: collections.Counter[str] = collections.Counter()
        for name, member in self.members:
            yield f"augment/{name}/{seen[name]}", member
            seen[name] += 1

    def _fill(self) -> Fill:
        """Returns the last resampling settings, or the defaults."""
        fills = [member for _, member in self.members if isinstance(member, Fill)]
        return fills[-1] if fills else Fill()


# Bounded: entries live as long as the process.
@functools.lru_cache(maxsize=64)
def _compiled(
    function: Callable[..., object], shape: tf.TensorShape, *settings: object
) -> tf.function:
    """Compiles a function by XLA, with its first arguments set to `settings`.

    Each image shape has its own function: TensorFlow would count it as a retrace.

    A chain of elementwise operations is several times as fast as in a graph. One
    function of all members would be slower: XLA recomputes a pixel for each pixel that
    depends on it.
    """
    return compiled.function(functools.partial(function, *settings), jit_compile=True)


def _warp(fill: Fill, images: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    images = tf.cast(images, tf.float32)
    return warp(images, matrices, fill.mode, fill.cval, fill.interpolation)


def _apply(
    member: Photometric, clip: bool, images: tf.Tensor, u: tf.Tensor
) -> tf.Tensor:
    images = member.apply(tf.cast(images, tf.float32), u)
    return tf.clip_by_value(images, 0.0, 255.0) if clip else images


def _mix(
    member: Mix, images: tf.Tensor, u: tf.Tensor, is_mixed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    mixed, own = member.apply(images, u)
    return (
        tf.where(is_mixed[:, None, None, None], mixed, images),
        tf.where(is_mixed, own, 1.0),
    )
