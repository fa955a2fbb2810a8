"""`mutransfer doctor`: what is installed, and how fast trials run on each device."""

from __future__ import annotations

from mutransfer_cli.cli.arguments.shared_options import Json
from mutransfer_cli.cli.terminal.output import show_line


def doctor(as_json: Json = False) -> None:
    """Show versions, devices, and how fast trials run on each; and what to install for more.

    Example: mutransfer doctor
    """
    from mutransfer_cli.cli.terminal.output import print_json
    from mutransfer_cli.train.capabilities import examine

    document = examine()
    if as_json:
        print_json(document)
        return
    for name, version in document.versions.items():
        show_line(f"{name:14} {version or 'not installed'}")
    for device in document.devices:
        show_line(f"device {device.name:7} {device.what}")
    for engine in document.engines:
        rate = f"{engine.steps_per_second:.0f} steps/s" if engine.steps_per_second else "no"
        show_line(f"engine {engine.name} on {engine.device}: {rate}; {engine.note}")
    for mismatch in document.mismatches:
        show_line(f"warning: {mismatch}")
    for missing in document.missing:
        show_line(f"for {missing.purpose}: {missing.install}")
