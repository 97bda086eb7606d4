"""What the examples here share: their command line, their pictures, the text they read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def options(description: str | None, *, data: bool = False) -> argparse.Namespace:
    """The command line: --quick, --output and, where there are `data` to find, --data."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="smaller, to see it run in seconds")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", default=HERE / "output",
        help="folder for pictures (output, beside this script)",
    )  # fmt: skip
    if data:
        parser.add_argument("--data", type=Path, metavar="DIR", help="folder with the data")
    return parser.parse_args()


def figure(width: float, height: float) -> Any:
    """An empty Matplotlib figure, in inches; None, and a line, where there is no Matplotlib."""
    try:
        from matplotlib.figure import Figure  # pyplot would cost half a second and a window
    except ImportError:
        print('no picture without Matplotlib: pip install "tinygrad-lite[plots]"')
        return None
    return Figure(figsize=(width, height), layout="constrained")


def save(picture: Any, folder: Path, name: str) -> None:
    """Write what `figure` or `tg.draw` gave to a file, and say so."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if hasattr(picture, "savefig"):
        picture.savefig(path, dpi=100)
    else:
        path = picture.save(path)
    print(f"picture: {path}")


def text_of_docs() -> str:
    """This project's own documentation, as one text of ASCII characters."""
    pages = sorted((HERE.parent / "docs").glob("*.md"))
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    return text.encode("ascii", "ignore").decode()
