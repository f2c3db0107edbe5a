"""Which names trade enough to be bought, and which closed at their limit: ops and factors of a user, outside of Openbell's code.

Importing it registers what it brings. `OPENBELL_OP_MODULES=liquid_stocks` has every run process import it.
"""

from liquid_stocks import factors, jobs, ops

__all__ = ["factors", "jobs", "ops"]
