# SPDX-License-Identifier: ISC
"""The one exception of the lab."""


class LabError(RuntimeError):
    """The lab could not be put up, or something in it did not get to the state waited for."""
