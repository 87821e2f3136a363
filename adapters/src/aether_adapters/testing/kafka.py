"""Private Kafka broker for a test run: one KRaft node, from Kafka's jars on this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self

from aether_adapters.embedded import children

_INSTALL: Final = (
    "Fetch one with `.ci/kafka/provision.sh` (Maven; into build/kafka), point AETHER_KAFKA_HOME at a Kafka 4 "
    "distribution, or name a running broker in AETHER_TEST_KAFKA (host:port)."
)
_JVM: Final = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_LOG4J: Final = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=BROKER://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}{listeners}
advertised.listeners=BROKER://127.0.0.1:{broker}{advertised}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
log.dirs={logs}
num.partitions=4
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.consumer.min.heartbeat.interval.ms=100
group.consumer.heartbeat.interval.ms=500
group.consumer.min.session.timeout.ms=3000
group.consumer.session.timeout.ms=3000
"""
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


def find_libraries(root: Path) -> Path:
    """Find the folder of Kafka's jars, in AETHER_KAFKA_HOME or in build/kafka below `root`.

    Raises `FileNotFoundError` that says how to get them.
    """
    home = Path(os.environ.get("AETHER_KAFKA_HOME") or root / "build" / "kafka")
    libraries = home.resolve() / "libs"
    if not any(libraries.glob("kafka_*.jar")):
        raise FileNotFoundError(f"There is no Kafka in {home}. {_INSTALL}")
    return libraries


def find_java() -> str:
    """Find the `java` to run (17 or newer), in JAVA_HOME or on the PATH; raises `FileNotFoundError`."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    if found is None:
        raise FileNotFoundError(
            "A Kafka broker needs Java 17 or newer: `apt install openjdk-17-jre-headless`."
        )
    return found


class KafkaBroker:
    """A broker on loopback ports. It can be stopped and started again with its ports and data.

    `listeners` maps the names of further listeners to their protocol, such as SASL_SSL; `properties` are the broker's,
    and `jvm` more arguments of Java.
    """

    def __init__(
        self,
        libraries: Path,
        *,
        listeners: Mapping[str, str] = _NONE,
        properties: Mapping[str, str] = _NONE,
        jvm: Sequence[str] = (),
    ) -> None:
        self._jvm = (*_JVM, *jvm)
        self._ports = {name: children.free_port() for name in listeners}
        self._java = find_java()
        self._libraries = libraries
        self._temporary = tempfile.TemporaryDirectory(prefix="aether-kafka-")
        self._folder = Path(self._temporary.name)
        self._port, controller = children.free_port(), children.free_port()
        self._process: subprocess.Popen[bytes] | None = None
        (self._folder / "log4j2.properties").write_text(_LOG4J)
        (self._folder / "server.properties").write_text(
            _PROPERTIES.format(
                broker=self._port,
                controller=controller,
                logs=self._folder / "data",
                listeners=self._joined(lambda name: f"{name}://127.0.0.1:{self._ports[name]}"),
                advertised=self._joined(lambda name: f"{name}://{self.address(name)}"),
                protocols=self._joined(lambda name: f"{name}:{listeners[name]}"),
            )
            + "".join(f"{name}={value}\n" for name, value in properties.items())
        )
        self._format()

    @property
    def bootstrap(self) -> str:
        """The address for clients, as `host:port`."""
        return f"127.0.0.1:{self._port}"

    def address(self, listener: str) -> str:
        """The address of a further listener, as `host:port`."""
        return f"localhost:{self._ports[listener]}"

    def start(self) -> Self:
        """Start the broker and wait until it listens; raises `RuntimeError` with the end of its log."""
        log = self._folder / "kafka.log"
        process = children.start(
            self._command("kafka.Kafka", str(self._folder / "server.properties")), log=log, cwd=self._folder
        )
        self._process = process
        children.wait_until(self._listens, process, log=log, seconds=60, every=0.05)
        return self

    def stop(self) -> None:
        """Shut the broker down; it keeps its data for the next start."""
        if self._process is not None:
            children.stop(self._process, grace=20)
            self._process = None

    def kill(self) -> None:
        """Kill the broker, as in a crash; it keeps its data for the next start."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()  # the data are deleted next, so no clean shutdown is needed
        self._temporary.cleanup()

    def _joined(self, text: Callable[[str], str]) -> str:
        return "".join(f",{text(name)}" for name in self._ports)

    def _format(self) -> None:
        tool = self._command(
            "kafka.tools.StorageTool",
            *("format", "--standalone", "--cluster-id", "AetherTestsAetherTests", "--config"),
            str(self._folder / "server.properties"),
        )
        done = subprocess.run(tool, cwd=self._folder, capture_output=True, text=True)  # noqa: S603
        if done.returncode:
            raise RuntimeError(f"Kafka could not format its storage:\n{done.stdout}{done.stderr}")

    def _command(self, main: str, *arguments: str) -> list[str]:
        configuration = f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}"
        return [self._java, *self._jvm, configuration, "-cp", f"{self._libraries}/*", main, *arguments]

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:
            return False
        return True
