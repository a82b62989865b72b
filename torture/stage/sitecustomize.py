"""Sets the stage in a command that was really started: its time, and the point at which it is killed."""

import os
from datetime import datetime

from torture.points import set_stage

_moment, _point = os.environ["TORTURE"].split()
set_stage(datetime.fromisoformat(_moment), int(_point))
