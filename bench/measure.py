"""Run one command and say what it cost."""
import os
import signal
import subprocess
import threading
import time

TIME = "/usr/bin/time"


def measure(command, log, cpu_of_server, env=None, timeout=900):
    """Wall and CPU seconds, peak memory in MiB, CPU seconds of the server, exit code.

    Peak memory comes from time(1): the figure of a child forked by Python itself would start
    at the size of Python.
    """
    if not os.path.exists(TIME):
        raise SystemExit("bench: %s is not installed (Debian: time)" % TIME)
    usage = log + ".time"
    server_before = cpu_of_server()
    with open(log, "wb") as f:
        start = time.monotonic()
        child = subprocess.Popen([TIME, "-q", "-f", "%U %S %M", "-o", usage, *command],
                                 env=env, stdin=subprocess.DEVNULL, stdout=f,
                                 stderr=subprocess.STDOUT, start_new_session=True)
        timer = threading.Timer(timeout, os.killpg, (child.pid, signal.SIGKILL))
        timer.daemon = True
        timer.start()
        try:
            code = child.wait()     # with a timeout of its own, Python would poll every 50 ms
            wall = time.monotonic() - start
        except BaseException:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()
            raise
        finally:
            timer.cancel()
    time.sleep(0.05)                # let the server notice that the connection is gone
    try:
        with open(usage) as f:
            user, system, kib = f.read().split()[-3:]
    except (OSError, ValueError):
        user = system = kib = 0
    return {"exit": code, "wall": round(wall, 4), "user": float(user), "system": float(system),
            "rss_mib": round(int(kib) / 1024, 1),
            "server_cpu": round(cpu_of_server() - server_before, 2)}
