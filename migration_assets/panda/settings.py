"""The ``source:`` part of a practice's file: how to reach its SQL Server and which profile describes it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from migration_assets.errors import ConfigurationError
from migration_assets.practice import NumberOrEnv, Secret, Settings, TextOrEnv, resolve

MAX_PORT = 65535


class SourceSettings(Settings):
    """A read-only SQL login. The connection is always encrypted.

    ``trust_server_certificate`` accepts any certificate and is meant for a practice's own network only;
    ``server_certificate`` is the path of a PEM or DER file which the server's certificate must equal; it
    needs SQL Server 2022 or later (TDS 8.0). For an older one add its certificate to this machine's trusted
    ones (Linux: the file that SSL_CERT_FILE names).
    ``driver`` is Microsoft's ODBC Driver 18 or FreeTDS, which verifies by this machine's trusted certificates
    and can't compare with ``server_certificate``. ``driver_path`` overrides the discovery of that driver: its
    installed name, or the path of its library.
    ``query_timeout_seconds`` bounds the wait for a statement's first row, and for each further batch of an
    extraction's rows (0: no bound).
    ``file_share``: the beginning of the paths that PANDA writes (``\\\\PANDA01\\Images``) -> the folder of
    this machine under which the practice's share is mounted.
    """

    server: TextOrEnv
    port: NumberOrEnv = 1433
    database: TextOrEnv
    username: TextOrEnv
    password: Secret
    trust_server_certificate: bool = False
    server_certificate: TextOrEnv | None = None
    profile: str = "default"
    login_timeout_seconds: Annotated[int, Field(ge=1, le=600)] = 15
    query_timeout_seconds: Annotated[int, Field(ge=0, le=86_400)] = 600
    driver: Literal["microsoft", "freetds"] = "microsoft"
    driver_path: str | None = None
    file_share: dict[str, TextOrEnv] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_way_to_verify(self) -> SourceSettings:
        if self.trust_server_certificate and self.server_certificate is not None:
            raise ValueError("'trust_server_certificate' and 'server_certificate' exclude each other")
        if self.driver == "freetds" and self.server_certificate is not None:
            raise ValueError(
                "FreeTDS can't compare with 'server_certificate': let SSL_CERT_FILE name the certificate, or "
                "take 'driver: microsoft'"
            )
        return self

    def resolved_file_share(self) -> dict[str, Path]:
        """Raises ConfigurationError where a variable is unset or a folder isn't there."""
        folders = {beginning: Path(resolve(folder)) for beginning, folder in self.file_share.items()}
        for number, folder in enumerate(folders.values(), start=1):
            if not folder.is_dir():
                raise ConfigurationError(
                    f"entry {number} of 'source.file_share' names a folder that isn't there or may not be "
                    "entered; mount the practice's share, or mend the entry"
                )
        return folders

    def resolved_port(self) -> int:
        """Raises ConfigurationError where the variable or the file holds no port number."""
        text = resolve(self.port)
        if not text.isascii() or not text.isdigit() or not 0 < int(text) <= MAX_PORT:
            raise ConfigurationError(f"'source.port' is no number from 1 to {MAX_PORT}; mend the value")
        return int(text)
