"""Gradient checks: the tape's gradients against the values, kink-aware, without a step to choose, and naming the
culprit.

gradcheck(func, inputs)                 True, or GradcheckError; gradgradcheck for the second order
check(model, x, loss=...) -> Report     everything that was compared: `print(report)`, `report.save("check.html")`
python -m autograd.check [what]         every operation of the library; an example's model; a function of a file
"""

from .gradients import check, gradcheck, gradgradcheck
from .kinks import RULES
from .plain import GradcheckError
from .report import Finding, Kink, Report
