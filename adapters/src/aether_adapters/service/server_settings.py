"""Settings of the servers of a service: REST, gRPC and the admin port, and what their clients may do."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from aether_adapters.kernel.addresses import network
from aether_adapters.kernel.origins import checked_origins
from aether_adapters.kernel.tls import TlsFiles
from aether_adapters.kernel.urls import check_target
from aether_adapters.service.variables import Variables


class ServerSettings(Variables):
    """Where a service listens, and the limits of what its clients may send, hold and ask for."""

    rest_host: str = Field(default="127.0.0.1", description="The address the api role listens on.")
    rest_port: int = Field(default=8080, ge=0, le=65535, description="Its port; 0 takes a free one.")
    rest_head_bytes: int = Field(
        default=64 * 1024, ge=1024, description="The largest head of a REST request, in bytes; above it 431."
    )
    rest_head_fields: int = Field(
        default=100, ge=8, description="The most header fields of a REST request; above it 431."
    )
    rest_head_seconds: float = Field(
        default=10.0,
        gt=0,
        description="Seconds in which a head must arrive, and the first one of a connection.",
    )
    rest_bodies_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1,
        description="Bytes that the bodies of unanswered REST requests may take together, apart from those that come in one "
        "piece of up to 64 kB; a further one gets 429.",
    )
    rest_body_seconds: float = Field(
        default=30.0,
        gt=0,
        description="Seconds in which a body must arrive; the deadline may end it earlier.",
    )
    rest_idle_seconds: float = Field(
        default=75.0, gt=0, description="Seconds that a connection may wait for its next request."
    )
    rest_write_seconds: float = Field(
        default=30.0, gt=0, description="Seconds that a client may leave a response unread."
    )
    rest_connections: int = Field(
        default=4096,
        ge=1,
        description="REST connections at once; beyond it those give way that wait longest for their client.",
    )
    rest_tls_cert: str = Field(
        default="", description="Certificate chain of the REST server (PEM); with it, it serves https only."
    )
    rest_tls_key: str = Field(default="", description="The certificate's private key (PEM).")
    rest_tls_ca: str = Field(
        default="",
        description="Authorities of clients (PEM): with them every REST client must show a certificate.",
    )
    grpc_host: str = Field(default="127.0.0.1", description="The address the rpc role listens on.")
    grpc_port: int = Field(default=9090, ge=0, le=65535, description="Its port; 0 takes a free one.")
    grpc_calls_per_address: int = Field(
        default=32,
        ge=0,
        description="gRPC calls that one address may have at once, unless a service's token vouches for them; 0: any number.",
    )
    grpc_connections: int = Field(
        default=4096, ge=1, description="Open connections of the gRPC server; it refuses further ones."
    )
    grpc_reflection: bool = Field(
        default=True, description="Whether tools such as grpcurl may ask the gRPC server for its contract."
    )
    grpc_tls_cert: str = Field(
        default="",
        description="Certificate chain (PEM file) of this service, shown by its gRPC server, which then speaks TLS only, "
        "and to the servers it calls.",
    )
    grpc_tls_key: str = Field(default="", description="Its private key (PEM file).")
    grpc_tls_ca: str = Field(
        default="",
        description="The authorities (PEM file) that other gRPC servers' certificates must come from; calls use TLS if set.",
    )
    grpc_tls_mutual: bool = Field(
        default=False,
        description="Whether clients of the gRPC server must show a certificate of these authorities, probes too.",
    )
    rpc_target: str = Field(
        default="",
        description="host:port of this domain's rpc role; when set, the api role is a gateway in front of it.",
    )
    admin_host: str = Field(default="127.0.0.1", description="The address the admin port listens on.")
    admin_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Serves /healthz, /readyz and /metrics of this process, whatever its roles; 0 is off.",
    )
    admin_tls_cert: str = Field(
        default="", description="Certificate chain of the admin port (PEM); with it, it serves https only."
    )
    admin_tls_key: str = Field(default="", description="The certificate's private key (PEM).")
    admin_tls_ca: str = Field(
        default="", description="Authorities of clients (PEM) that the admin port demands a certificate of."
    )
    access_log: bool = Field(
        default=True,
        description="Whether each REST request and gRPC call gets a line in the log, with the reason if a token was refused.",
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Processes that serve each port, as many as cores; above 1 a parent process restarts and drains them.",
    )
    drain_seconds: float = Field(
        default=5.0,
        ge=0,
        description="Seconds that the servers stay open after SIGTERM while /readyz says 503, so that load balancers turn away.",
    )
    grace_seconds: float = Field(
        default=20.0,
        gt=0,
        description="Seconds that requests which still run then have to finish; the sum must be less than an orchestrator's.",
    )
    threads: int = Field(
        default=256,
        ge=1,
        le=512,
        description="The most use cases that run at once; how many do adapts to how much they compute.",
    )
    queue: int = Field(
        default=64,
        ge=0,
        description="The most use cases that wait for a thread; fewer if each would wait for long.",
    )
    connections: int = Field(
        default=40,
        ge=1,
        le=1024,
        description="The most connections of this process to its database, and to Redis.",
    )
    deadline_seconds: float = Field(
        default=5.0, gt=0, description="Seconds a request has from its head to its answer."
    )
    body_limit: int = Field(default=1024 * 1024, ge=1, description="The largest request body, in bytes.")
    user_rate: float = Field(default=0.0, ge=0, description="Requests a second of one user; 0: any number.")
    user_burst: int = Field(default=100, ge=1, description="Requests of one user at once, with user_rate.")
    address_rate: float = Field(
        default=0.0, ge=0, description="Requests a second of one address; 0: any number."
    )
    address_burst: int = Field(
        default=1000, ge=1, description="Requests of one address at once, with address_rate."
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        description="Addresses or networks whose rest_forwarded_header and X-Forwarded-Proto are believed, as JSON: "
        '["10.0.0.0/8"].',
    )
    rest_forwarded_header: Literal["x-forwarded-for", "forwarded"] = Field(
        default="x-forwarded-for",
        description="The header in which trusted proxies report the client's address; the other one is ignored.",
    )
    rest_encodings: tuple[Literal["gzip", "deflate"], ...] = Field(
        default=(),
        description='Content encodings of request bodies that are decoded, as JSON: ["gzip"]; others get 415.',
    )
    rest_docs: bool = Field(
        default=True, description="Whether the REST API's port serves /docs and /openapi.json."
    )
    rest_metrics: bool | None = Field(
        default=None,
        description="Whether the REST API's port serves /metrics; unset, it does only while there is no admin_port and one worker.",
    )
    rest_probes: bool = Field(
        default=True,
        description="Whether the REST API's port serves /healthz and /readyz; the admin port always does.",
    )
    rest_system_rate: float = Field(
        default=100.0,
        gt=0,
        description="Requests a second of one address to paths outside the contract; twice as many may come at once.",
    )
    rest_hsts_seconds: int = Field(
        default=0,
        ge=0,
        description="How long browsers insist on https (HSTS) after an answer over https; 0 is off.",
    )
    rest_hsts_subdomains: bool = Field(
        default=False,
        description="Whether browsers then insist on https for every host below this one too, whoever serves it.",
    )
    cors_origins: tuple[str, ...] = Field(
        default=(),
        description='Origins whose pages may call the API, as JSON: ["https://shop.example"]; ["*"] admits all.',
    )
    cors_credentials: bool = Field(
        default=False, description='Whether those pages may send cookies; not with ["*"].'
    )

    @property
    def arrangement(self) -> Literal["gateway", "in_process"]:
        """What the REST API calls: the rpc role of another process, or the use cases in this one."""
        return "gateway" if self.rpc_target else "in_process"

    @property
    def rest_tls(self) -> TlsFiles:
        """The certificate files of the REST server."""
        return TlsFiles(ca=self.rest_tls_ca, cert=self.rest_tls_cert, key=self.rest_tls_key)

    @property
    def admin_tls(self) -> TlsFiles:
        """The certificate files of the admin port."""
        return TlsFiles(ca=self.admin_tls_ca, cert=self.admin_tls_cert, key=self.admin_tls_key)

    @property
    def grpc_server_tls(self) -> TlsFiles:
        """The certificate files of the gRPC server."""
        clients = self.grpc_tls_ca if self.grpc_tls_mutual else ""
        return TlsFiles(ca=clients, cert=self.grpc_tls_cert, key=self.grpc_tls_key)

    @property
    def grpc_channel_tls(self) -> TlsFiles:
        """The certificate files for calls of gRPC servers; none for plain text."""
        if not self.grpc_tls_ca:
            return TlsFiles()
        return TlsFiles(ca=self.grpc_tls_ca, cert=self.grpc_tls_cert, key=self.grpc_tls_key)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if network(each).prefixlen == 0:
                raise ValueError(
                    f"{each} trusts everybody, so that each client could choose its own address; name the proxies' networks"
                )
        return value

    @field_validator("*")
    @classmethod
    def _targets(cls, value: Any, info: ValidationInfo) -> Any:
        """Check the address of a gRPC server, of which there is a field for each server that is called."""
        if value and isinstance(value, str) and (info.field_name or "").endswith("_target"):
            check_target(value)
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return checked_origins(value, credentials=False)

    @field_validator("cors_credentials")
    @classmethod
    def _no_credentials_for_all(cls, value: bool, info: ValidationInfo) -> bool:
        checked_origins(info.data.get("cors_origins", ()), credentials=value)
        return value

    @field_validator("grpc_tls_mutual")
    @classmethod
    def _mutual(cls, value: bool, info: ValidationInfo) -> bool:
        if value and not (info.data.get("grpc_tls_ca") and info.data.get("grpc_tls_cert")):
            needed = " and ".join(map(cls.variable, ("grpc_tls_cert", "grpc_tls_ca")))
            raise ValueError(f"it needs {needed}")
        return value
