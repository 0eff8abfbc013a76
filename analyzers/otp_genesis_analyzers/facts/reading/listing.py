"""What is known of a list of children, put together from its parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from otp_genesis_analyzers.facts.model import Child


@dataclass(frozen=True)
class Listing:
    children: tuple[Child, ...] = ()
    complete: bool = True
    includes: tuple[str, ...] = ()

    def __add__(self, other: Listing) -> Listing:
        return Listing(
            self.children + other.children,
            self.complete and other.complete,
            self.includes + other.includes,
        )

    def conditional(self) -> Listing:
        return replace(
            self, children=tuple(structs.replace(child, conditional=True) for child in self.children)
        )


UNKNOWN = Listing(complete=False)


def alternatives(listings: Sequence[Listing], *, exhaustive: bool) -> Listing:
    """One of the listings, each child once.

    A child is unconditional when it is that in every one of them, and `exhaustive` says that
    there are no others.
    """
    children: list[Child] = []
    for listing in listings:
        known = Counter(map(_identity, children))
        for child in listing.children:
            if known[_identity(child)]:
                known[_identity(child)] -= 1
            else:
                children.append(child)
    always = [
        {_identity(child) for child in listing.children if not child.conditional} for listing in listings
    ]
    return Listing(
        tuple(
            structs.replace(
                child, conditional=not (exhaustive and all(_identity(child) in names for names in always))
            )
            for child in children
        ),
        all(listing.complete for listing in listings),
        tuple(dict.fromkeys(name for listing in listings for name in listing.includes)),
    )


def _identity(child: Child) -> tuple[str, str, str, str]:
    return child.module, child.name, child.id, child.start
