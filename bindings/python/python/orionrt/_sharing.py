"""Which tensors of several models may share bytes, before anything is planned."""

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from . import _native
from ._tables import lifetimes_of
from ._types import LifetimesLike, Schedule, plain_schedule

ModelTensor: TypeAlias = tuple[str, str]
"""A tensor of a model: the name of the model, and its own."""


class SharingPair(NamedTuple):
    """Two tensors of different models that are never alive together."""

    tensor: ModelTensor
    """The one tensor; of a list of pairs, the smaller one."""
    partner: ModelTensor
    """The other tensor."""
    bytes: int
    """The most bytes that they can share: the size of the smaller one."""


class Sharing:
    """Which tensors of different models may share bytes. Made by `orionrt.sharing`.

    A tensor counts as alive in its gaps, too, which a plan may use: `orionrt.share` may find more.
    """

    def __init__(self, found: _native.SharingAnalysis, /) -> None:
        self._found = found

    @property
    def pairs(self) -> int:
        """How many pairs of tensors of different models may share bytes."""
        return self._found.pairs

    @property
    def complete(self) -> bool:
        """Whether `pairs` and `partners` say all.

        Where models start many times, tensors that take turns, each alive between the runs of the
        other, are left out there if there are too many to compare.
        """
        return self._found.complete

    def bytes(self, a: ModelTensor, b: ModelTensor, /) -> int:
        """How many bytes two tensors may share; 0 if they may not.

        Raises `KeyError` for a model or a tensor that is not there.
        """
        return self._found.bytes(a, b)

    def largest(self, most: int = 100, /) -> list[SharingPair]:
        """The pairs with most bytes to share, those first that have most.

        There may be as many as the square of the tensors.
        """
        return [SharingPair(*pair) for pair in self._found.largest(most)]

    def partners(self, most: int = 100, /) -> list[SharingPair]:
        """The largest tensors that have a partner, largest first, each with its best one.

        That is the smallest one that is large enough, or else the largest.
        """
        return [SharingPair(*pair) for pair in self._found.partners(most)]

    def __repr__(self) -> str:
        least = "" if self.complete else "at least "
        return f"<Sharing: {least}{self.pairs} pairs of tensors of different models>"


def sharing(
    models: Mapping[str, LifetimesLike], /, *, schedule: Schedule = "one-at-a-time"
) -> Sharing:
    """Tell which tensors of several models may share bytes, without a plan.

    `models` and `schedule` are those of `share`. With the steps at which models start, that is
    decided tensor by tensor; otherwise all tensors of two models share, or none do.
    """
    rows = [(name, lifetimes_of(model)) for name, model in models.items()]
    return Sharing(_native.sharing(rows, plain_schedule(schedule)))
