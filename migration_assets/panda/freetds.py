"""FreeTDS as the ODBC driver: its library, its connection string, its configuration, and what it cuts.

What differs from Microsoft's driver belongs here; connecting itself is in connection.py. Tried with 1.3.17
(Debian 12). Its limits, none of which is passed over:

- It verifies a certificate only where a freetds.conf names authorities, so each connection is given such a
  file: those of SSL_CERT_FILE, else the system's, and the server's name must be in the certificate. It can't
  compare with one given certificate and has no strict encryption (TDS 8.0).
- It doesn't say why it couldn't connect: a wrong name, a refused certificate and a failed handshake look
  alike.
- It knows no escape for "}" in a connection string and takes ASCII alone from arrow-odbc.
- It cuts a text or a binary that its buffer is too small for and reports success.
"""

from __future__ import annotations

import os
import sysconfig
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from migration_assets.errors import ConfigurationError, SourceError
from migration_assets.panda.settings import SourceSettings
from migration_assets.practice import resolve

if TYPE_CHECKING:
    import pyarrow as pa

SECTION = "migration-assets-source"
CONFIGURATION_VARIABLE = "FREETDSCONF"
TDS_VERSION = "7.4"
_LIBRARY = "libtdsodbc.so"
_LONGEST_TEXT = 2**31 - 1

# The library reads its configuration's place from the environment, which all threads share.
_environment = threading.Lock()


def find_library(folders: tuple[Path, ...] | None = None) -> str:
    """The library's path in ``folders`` (default: where Debian, Red Hat and Homebrew put it).

    Raises ConfigurationError, which names the package.
    """
    for folder in _usual_folders() if folders is None else folders:
        if (folder / _LIBRARY).is_file():
            return str(folder / _LIBRARY)
    raise ConfigurationError(
        f"no FreeTDS ODBC driver ({_LIBRARY}) on this machine; on Debian and Ubuntu run `apt-get install "
        "tdsodbc`, name its library in 'source.driver_path', or take 'source.driver: microsoft'"
    )


def connection_string(settings: SourceSettings, application: str) -> str:
    """Holds the password. Good only inside ``configuration``, whose section says where the server is.

    Raises ConfigurationError for a value that FreeTDS can't be given.
    """
    parts = {
        "DRIVER": "{" + (settings.driver_path or find_library()) + "}",
        "Servername": SECTION,
        "TDS_Version": TDS_VERSION,
        "Encryption": "require",
        "DATABASE": _given("source.database", resolve(settings.database)),
        "UID": _given("source.username", resolve(settings.username)),
        "PWD": _given("source.password", settings.password.value()),
        "ApplicationIntent": "ReadOnly",
        "APP": application,
    }
    return ";".join(f"{name}={value}" for name, value in parts.items())


@contextmanager
def configuration(settings: SourceSettings) -> Iterator[None]:
    """FreeTDS's configuration for connections that are opened inside; one at a time in a process.

    It holds no secret, stands for all others (a global section could switch verification off or cut texts)
    and is gone afterwards.
    """
    text = "".join(f"{line}\n" for line in (f"[{SECTION}]", *_section(settings)))
    with _environment, tempfile.TemporaryDirectory(prefix="migration-assets-") as folder:
        file = Path(folder) / "freetds.conf"
        file.write_text(text, encoding="utf-8")
        former = os.environ.get(CONFIGURATION_VARIABLE)
        os.environ[CONFIGURATION_VARIABLE] = str(file)
        try:
            yield
        finally:
            if former is None:
                del os.environ[CONFIGURATION_VARIABLE]
            else:
                os.environ[CONFIGURATION_VARIABLE] = former


def refuse_cut(
    batch: pa.RecordBatch, doing: str, max_text_size: int | None, max_binary_size: int | None
) -> None:
    """Raises SourceError where a value exceeds its limit: UTF-16 units of a text, bytes of a binary.

    The buffers must have had room for one unit more, or a longer value would look like one that just fits.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for column in batch.columns:
        is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        is_binary = pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)
        limit = max_text_size if is_text else max_binary_size if is_binary else None
        if limit is None:
            continue
        # UTF-8 has never fewer bytes than UTF-16 has units.
        suspects = column.filter(pc.greater(pc.binary_length(column), limit))
        if is_binary:
            is_cut = len(suspects) > 0
        else:
            is_cut = any(
                len(text.encode("utf-16-le", "surrogatepass")) // 2 > limit for text in suspects.to_pylist()
            )
        if is_cut:
            raise SourceError(
                f"{doing}: a value is longer than the {limit} that its table was measured at; read it again, "
                "and where it happens again take 'source.driver: microsoft'"
            )


def _section(settings: SourceSettings) -> list[str]:
    server = _plain("source.server", resolve(settings.server))
    host, _, instance = server.partition("\\")
    lines = [f"host = {host}"]
    if instance and "port" not in settings.model_fields_set:
        lines.append(f"instance = {instance}")
    else:
        lines.append(f"port = {settings.resolved_port()}")
    lines += [
        f"tds version = {TDS_VERSION}",
        "encryption = require",
        "client charset = UTF-8",
        f"text size = {_LONGEST_TEXT}",
    ]
    if not settings.trust_server_certificate:
        authorities = os.environ.get("SSL_CERT_FILE") or "system"
        lines += [f"ca file = {_plain('SSL_CERT_FILE', authorities)}", "check certificate hostname = yes"]
    return lines


def _usual_folders() -> tuple[Path, ...]:
    multiarch = sysconfig.get_config_var("MULTIARCH")
    debian = (Path("/usr/lib") / multiarch / "odbc", Path("/usr/lib") / multiarch) if multiarch else ()
    return (*debian, *map(Path, ("/usr/lib64", "/usr/lib", "/usr/local/lib", "/opt/homebrew/lib")))


def _given(key: str, value: str) -> str:
    """In braces a value may hold ";" and no "}", without them the other way round."""
    if not value.isascii() or not value.isprintable() or ("}" in value and _needs_braces(value)):
        raise ConfigurationError(
            f"FreeTDS can't be given this '{key}': it may hold printable ASCII alone, and no '}}' together "
            "with ';' or with a '{' or a space at its ends; change it, or take 'source.driver: microsoft'"
        )
    return value if "}" in value else "{" + value + "}"


def _needs_braces(value: str) -> bool:
    return ";" in value or value.startswith("{") or value != value.strip()


def _plain(key: str, value: str) -> str:
    if not value or not value.isprintable() or value != value.strip():
        raise ConfigurationError(
            f"'{key}' can't stand in FreeTDS's configuration; write it without line breaks and outer spaces"
        )
    return value
