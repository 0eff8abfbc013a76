"""Calls that monitor a process, and the message that comes when it ends."""

from __future__ import annotations

from otp_genesis_analyzers.facts.model import Call


def monitors_process(call: Call) -> bool:
    """`Process.monitor(pid)` and `:erlang.monitor(:process, pid)`."""
    if call.form == "capture" or not call.args:
        return False
    if call.is_to("Process", "monitor"):
        return True
    return call.is_to(":erlang", "monitor") and call.args[0].is_atom("process")


def tag_of_end(call: Call) -> str:
    """The atom by which the message of a monitor is told: `DOWN`, or that of `tag:`.

    Empty where the options or the tag are only known at run time.
    """
    if call.arity == (1 if call.module == "Process" else 2):
        return "DOWN"
    options = call.args[-1]
    if options.kind != "list":
        return ""
    tag = options.get("tag")
    return "DOWN" if tag is None else tag.tag or ""
