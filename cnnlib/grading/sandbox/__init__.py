"""Where a student's code runs: `inside.py` in a process of its own, and the walls around it."""

from .errors import SandboxUnavailable, Stopped
from .process import Sandbox, check_available
from .trusting import TrustingSandbox

__all__ = ["Sandbox", "SandboxUnavailable", "Stopped", "TrustingSandbox", "check_available"]
