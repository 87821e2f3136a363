"""Locations and comments of the elements of a proto file, from protoc's source info."""

from __future__ import annotations

from google.protobuf import descriptor_pb2 as pb

from aether_tools.finding import Location


class Source:
    """Locations and comments of one file.

    A path is protobuf's: field numbers and indexes from the FileDescriptorProto down, such as (4, 0, 2, 1) for the
    second field of the first message. Source: google/protobuf/descriptor.proto, SourceCodeInfo.
    """

    def __init__(self, file: pb.FileDescriptorProto) -> None:
        self.file = f"proto/{file.name}"
        self.events = file.name.endswith("/events.proto")
        self._locations = {tuple(location.path): location for location in file.source_code_info.location}

    def location(self, *path: int) -> Location:
        """Return the location of an element, or of its nearest ancestor that has one. The default is 1:1."""
        for length in range(len(path), -1, -1):
            location = self._locations.get(path[:length])
            if location is not None and length:
                return Location(self.file, location.span[0] + 1, location.span[1] + 1)
        return Location(self.file, 1, 1)

    def comment(self, *path: int) -> str:
        """Return the comment above an element, or else the one after it, without `buf:lint:` lines."""
        location = self._locations.get(path)
        if location is None:
            return ""
        text = location.leading_comments or location.trailing_comments
        lines = [line.removeprefix(" ").rstrip().expandtabs(4) for line in text.split("\n")]
        return "\n".join(line for line in lines if not line.startswith("buf:lint:")).strip()
