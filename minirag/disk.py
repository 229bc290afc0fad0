"""Which failures of a file system say that nothing can be kept at the moment."""

from __future__ import annotations

import errno

# Full, the quota used up, a limit of the file's size, remounted to be read only, broken beneath.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})


def keeps_nothing(error: BaseException) -> bool:
    """Whether the disk refused: no fault of the request, nor of ours, and it may pass."""
    return isinstance(error, OSError) and error.errno in _NO_ROOM
