"""Configuration of the embedded server, sized for two cores and a few GB of memory.

The files lie beside the data folder, not in it: the data folder belongs to the server's user, and root writes
no file into a folder of somebody else's. They are rewritten at every start; `alter system` overrides them.
"""

from __future__ import annotations

import os
from pathlib import Path

# Airflow's role sees Airflow's database alone, whatever is granted to public elsewhere.
HBA = """\
# Rewritten at every start.
host  airflow  airflow  127.0.0.1/32  scram-sha-256
host  all      airflow  127.0.0.1/32  reject
host  all      all      127.0.0.1/32  scram-sha-256
"""

SETTINGS: dict[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    # Parallel plans gain little on two cores and take them from the tasks that run beside the server.
    "max_parallel_workers_per_gather": "1",
    "jit": "off",
    "random_page_cost": "1.1",
    # Durable under kill -9 and power cuts: these three stay on.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # No replica reads this log, so a table filled in the transaction that made it is synced, not logged.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "min_wal_size": "128MB",
    "checkpoint_timeout": "15min",
    "autovacuum": "on",
    # A backend whose client was killed notices and lets go of its locks.
    "client_connection_check_interval": "1s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    # Statements and details of errors quote rows, and rows hold what customers wrote.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}


def server_config(base: Path, port: int) -> str:
    """postgresql.conf of the server whose files are in `base`."""
    values = {
        "data_directory": str(base / "data"),
        "hba_file": str(base / "pg_hba.conf"),
        "port": str(port),
        **SETTINGS,
    }
    if _small_shared_memory():
        values["max_parallel_workers_per_gather"] = "0"
    lines = [f"{name} = '{value}'" for name, value in ((n, v.replace("'", "''")) for n, v in values.items())]
    return "# Rewritten at every start; change settings with `alter system`.\n" + "\n".join(lines) + "\n"


def _small_shared_memory() -> bool:
    """Containers often have 64 MB of /dev/shm, which one parallel hash join overflows."""
    try:
        memory = os.statvfs("/dev/shm")  # noqa: S108 - looked at, not written to
    except OSError:
        return False
    return memory.f_blocks * memory.f_frsize < 512 * 1024 * 1024
