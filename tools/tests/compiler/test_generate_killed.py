"""Whenever `generate` is killed or cannot write, what stands afterwards is all old or all new."""

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
    """Whether a swap that dies before its file operation number `step` got that far.

    Python reports every operation on files to audit hooks before it is done, so the hook decides which is the last.
    Source: https://docs.python.org/3/library/audit_events.html
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


def test_a_kill_at_any_moment_leaves_all_old_or_all_new_for_the_next_run(tmp_path: Path) -> None:
    seen, step = [], 0
    while True:
        root = _old(tmp_path / str(step))
        killed = _killed_at(root, step)
        with replace.exclusive(root):
            now = _tree(root)
        assert now in (OLD, NEW), f"a mix after a kill at step {step}"
        assert not replace.interrupted(root)
        seen.append(now == NEW)
        if not killed:
            break
        step += 1
    assert seen == sorted(seen)
    assert seen.count(False) > 5, "no kill came before the point of no return"
    assert seen.count(True) > 5, "no kill came after it"


def test_a_killed_run_is_mended_though_the_contract_is_broken_by_now(acme: Path) -> None:
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
    assert sorted(path.name for path in (acme / "proto").iterdir()) == ["acme", "gen"]


def test_what_a_killed_run_had_half_written_is_cleaned_away(acme: Path) -> None:
    leftover = acme / "proto/.gen.new/acme"
    leftover.mkdir(parents=True)
    (leftover / "half.py").write_text("x =")
    assert generate(acme).fresh
    assert not (acme / "proto/.gen.new").exists()


def test_a_disk_that_is_full_leaves_what_was_generated_untouched(acme: Path) -> None:
    before = _tree(acme)
    contract = acme / "proto/acme/billing/v1/billing.proto"
    contract.write_text(contract.read_text().replace("string title", "string name"))
    # A limit on the size of files stands in for the disk; the stub of billing is larger.
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
        except UsageError as complaint:
            print(complaint)
    """
    command = [sys.executable, "-c", dedent(program), str(acme)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("cannot write ")
    assert done.stdout.endswith(": File too large. Generated code is unchanged.\n")
    assert _tree(acme) == before
    assert not replace.interrupted(acme)
    assert generate(acme).written


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_leaves_what_was_generated_untouched(acme: Path) -> None:
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


def test_a_swap_that_fails_half_way_is_taken_back(tmp_path: Path) -> None:
    root = _old(tmp_path)
    # A rename onto a folder that cannot be moved out of the way: openapi/.gen.old is taken by a file.
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
                print("refused")
    """
    command = [sys.executable, "-c", dedent(program), str(root), *NEW]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "refused\n"
    assert _tree(root) == OLD
    assert not replace.interrupted(root)


def test_two_runs_at_once_take_turns(acme: Path) -> None:
    contract = acme / "proto/acme/billing/v1/billing.proto"
    contract.write_text(contract.read_text().replace("string title", "string name"))
    program = "import sys; from pathlib import Path; from aether_tools.compiler.pipeline import generate; generate(Path(sys.argv[1]))"
    runs = [subprocess.Popen([sys.executable, "-c", program, str(acme)]) for _ in range(3)]
    assert [run.wait() for run in runs] == [0, 0, 0]
    assert generate(acme).fresh
    (acme / ".aether/generate.json").unlink()
    assert generate(acme, check=True).findings == ()
