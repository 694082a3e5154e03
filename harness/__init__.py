"""Wellproven: claims of reliability, turned into measured evidence.

slo -> plan -> load + fault -> record -> judge -> report
"""

__version__ = "0.1.0"
