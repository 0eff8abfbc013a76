"""Code bases that repomix has packed into one file, in the styles xml, parsable xml, markdown and json.

Each style has a file; `reading` tells them apart and says what is wrong with a pack. `writing` makes packs in
the style xml, of what `choosing` takes of a folder. repomix takes
white space off both ends of every file: the line break at the end is given back, and lines count
from the first one that is not blank.
"""

from otp_genesis_refactorers.repomix.packed import NotAPack, Pack
from otp_genesis_refactorers.repomix.reading import read_pack

__all__ = ["NotAPack", "Pack", "read_pack"]
