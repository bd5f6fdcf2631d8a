"""Classes of request members: every member is used, stored or refused, none is ignored.

The tables in this folder have a section per operation. A path names a member and everything below
it; lists have no part in a path, as in ``InputDataConfig.ChannelName``. The longest path decides.

used
    The service acts on the member.
stored
    AWS and the local cloud only store the member and return it in Describe.
infrastructure
    The member describes AWS's disks, networks and keys, for which a laptop has no counterpart. It
    is returned in Describe and has no effect.
only
    The values that a member can have; other values are refused.
like
    A member whose members have the classes of another operation, or of a member of one.

All other members are refused.
"""

from __future__ import annotations

from localcloud.services.sagemaker.members.classes import Classes

__all__ = ["Classes"]
