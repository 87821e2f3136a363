#!/bin/sh
# Fetch the jars of a Kafka broker from Maven Central into build/kafka/libs (or the given folder).
# Needs mvn and Java 17. The tests' `kafka_bootstrap` fixture finds them there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-$here/../../build/kafka}
mkdir -p "$target/libs"
mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$(cd "$target" && pwd)/libs"
