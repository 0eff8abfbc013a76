"""The names by which code addresses a process: `Shop.Cart`, `:cart`."""

from __future__ import annotations

from otp_genesis_analyzers.terms import Term


def constant_name(term: Term) -> str:
    """A name that is one and the same whenever the code runs; empty for any other term."""
    if term.kind == "module":
        return term.value
    return f":{term.value}" if term.kind == "atom" and term.value != "nil" else ""


def addressed_name(term: Term) -> str:
    """Also the name in `{:via, PartitionSupervisor, {Shop.Partitions, key}}`."""
    if term.tag == "via" and len(term.items) == 3 and term.items[1].value == "PartitionSupervisor":
        partitions = term.items[2]
        return constant_name(partitions.items[0]) if partitions.kind == "tuple" and partitions.items else ""
    return constant_name(term)
