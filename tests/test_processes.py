"""A process that ends while it is looked at takes no test along."""

import os
import subprocess

import psutil
from processes import below, ended, wait_until, wait_until_ended


def test_a_process_that_has_ended_is_not_among_those_below():
    going_on = subprocess.Popen(["sleep", "60"])
    nobody_asks = subprocess.Popen(["true"])
    try:
        zombie = psutil.Process(nobody_asks.pid)
        wait_until(lambda: zombie.status() == psutil.STATUS_ZOMBIE)
        # Of such a one there is no command, and asking for it raises.
        pids = {it.process.pid for it in below(psutil.Process())}
        assert going_on.pid in pids
        assert zombie.pid not in pids
        assert ended(zombie)
        assert not ended(going_on.pid)
    finally:
        going_on.kill()
        nobody_asks.wait()
    wait_until_ended([psutil.Process(going_on.pid)])
    going_on.wait()
    assert ended(going_on.pid)
    assert not ended(os.getpid())
