"""If `generate` is killed or cannot write, the generated files are all old or all new afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from aether_tools.compiler.output import replace
from aether_tools.compiler.pipeline import generate
from aether_tools.console import UsageError

OLD = {"proto/gen/a/one.py": b"old\n", "proto/gen/gone.py": b"old\n", "openapi/gen/a/two.py": b"old\n"}
NEW = {"proto/gen/a/one.py": b"new\n", "proto/gen/b/added.py": b"new\n", "openapi/gen/a/two.py": b"new\n"}


def _tree(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for folder in ("proto", "openapi")
        for path in sorted((root / folder).rglob("*"))
        if path.is_file() and ".proto" not in path.name and path.suffix != ".yaml"
    }


def _old(root: Path) -> Path:
    for path, content in OLD.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def _killed_at(root: Path, step: int) -> bool:
    """Kill a replacement before its file operation number `step`. Return whether it got that far.

    Python calls audit hooks before each file operation. Source: https://docs.python.org/3/library/audit_events.html
    """
    child = os.fork()
    if child == 0:
        try:
            _die_at(step)
            with replace.exclusive(root):
                replace.replace(root, NEW)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _die_at(step: int) -> None:
    left = step

    def hook(event: str, _: object) -> None:
        nonlocal left
        if event == "open" or event.startswith(("os.", "shutil.")):
            left -= 1
            if left == -1:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def test_after_a_kill_at_any_moment_the_next_run_finds_all_old_or_all_new_files(tmp_path: Path) -> None:
    seen, step = [], 0
    while True:
        root = _old(tmp_path / str(step))
        killed = _killed_at(root, step)
        with replace.exclusive(root):
            now = _tree(root)
        assert now in (OLD, NEW), f"old and new files after a kill at step {step}"
        assert not replace.interrupted(root)
        seen.append(now == NEW)
        if not killed:
            break
        step += 1
    assert seen == sorted(seen)
    assert seen.count(False) > 5, "too few kills before the journal was written"
    assert seen.count(True) > 5, "too few kills after it"


def test_a_killed_run_is_finished_even_if_the_contract_is_invalid_by_then(acme: Path) -> None:
    before = _tree(acme)
    contract = acme / "proto/acme/billing/v1/billing.proto"
    text = contract.read_text()
    contract.write_text(
        text.replace("string title = 2;\n  InvoiceStatus", "string name = 2;\n  InvoiceStatus")
    )
    program = """
        import os, signal, sys
        from pathlib import Path
        from aether_tools.compiler.pipeline import generate

        def hook(event, arguments):
            if event == "os.rename" and str(arguments[0]).endswith(".gen.new"):
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        generate(Path(sys.argv[1]))
    """
    done = subprocess.run([sys.executable, "-c", dedent(program), str(acme)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (acme / "proto/gen").exists(), "killed between the two renames"
    contract.write_text("nonsense")

    assert generate(acme).findings

    now = _tree(acme)
    assert now.keys() == before.keys()
    assert b"    name: str" in now["proto/gen/acme/billing/v1/types.py"]
    assert sorted(path.name for path in (acme / "proto").iterdir()) == ["acme", "aether_adapters", "gen"]


def test_the_next_run_removes_what_a_killed_run_had_half_written(acme: Path) -> None:
    leftover = acme / "proto/.gen.new/acme"
    leftover.mkdir(parents=True)
    (leftover / "half.py").write_text("x =")
    assert generate(acme).fresh
    assert not (acme / "proto/.gen.new").exists()


def test_a_full_disk_leaves_generated_files_unchanged(acme: Path) -> None:
    before = _tree(acme)
    contract = acme / "proto/acme/billing/v1/billing.proto"
    contract.write_text(contract.read_text().replace("string title", "string name"))
    # A file size limit simulates the full disk; the stub of billing exceeds it.
    program = """
        import resource, sys
        from pathlib import Path
        from aether_tools.compiler import compilation
        from aether_tools.compiler.pipeline import generate
        from aether_tools.console import UsageError
        compiled = compilation.compile_workspace(Path(sys.argv[1]))
        compilation.compile_workspace = lambda root: compiled
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
        try:
            generate(Path(sys.argv[1]))
        except UsageError as error:
            print(error)
    """
    command = [sys.executable, "-c", dedent(program), str(acme)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("cannot write ")
    assert done.stdout.endswith(": File too large. Generated code is unchanged.\n")
    assert _tree(acme) == before
    assert not replace.interrupted(acme)
    assert generate(acme).written


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_leaves_generated_files_unchanged(acme: Path) -> None:
    before = _tree(acme)
    contract = acme / "proto/acme/billing/v1/billing.proto"
    contract.write_text(contract.read_text().replace("string title", "string name"))
    (acme / "proto").chmod(0o555)
    try:
        with pytest.raises(UsageError, match="cannot write"):
            generate(acme)
    finally:
        (acme / "proto").chmod(0o755)
    assert _tree(acme) == before


def test_a_replacement_that_fails_part_way_is_reversed(tmp_path: Path) -> None:
    root = _old(tmp_path)
    # The second folder cannot be renamed, after the first has been replaced.
    program = """
        import os, sys
        from pathlib import Path
        from aether_tools.compiler.output import replace
        root = Path(sys.argv[1])

        def hook(event, arguments):
            if event == "os.rename" and str(arguments[0]).endswith("openapi/.gen.new"):
                raise PermissionError(13, "Permission denied", str(arguments[0]))

        sys.addaudithook(hook)
        with replace.exclusive(root):
            try:
                replace.replace(root, {path: b"new\\n" for path in sys.argv[2:]})
            except PermissionError:
                print("failed")
    """
    command = [sys.executable, "-c", dedent(program), str(root), *NEW]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "failed\n"
    assert _tree(root) == OLD
    assert not replace.interrupted(root)


def test_concurrent_runs_wait_for_each_other(acme: Path) -> None:
    contract = acme / "proto/acme/billing/v1/billing.proto"
    contract.write_text(contract.read_text().replace("string title", "string name"))
    program = "import sys; from pathlib import Path; from aether_tools.compiler.pipeline import generate; generate(Path(sys.argv[1]))"
    runs = [subprocess.Popen([sys.executable, "-c", program, str(acme)]) for _ in range(3)]
    assert [run.wait() for run in runs] == [0, 0, 0]
    assert generate(acme).fresh
    (acme / ".aether/generate.json").unlink()
    assert generate(acme, check=True).findings == ()
