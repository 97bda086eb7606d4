"""Fetching a file from one of several mirrors: resumed where it was cut, verified, then renamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from tinygrad_lite.data.idx import DataFileError

if TYPE_CHECKING:
    from http.client import HTTPResponse

_CHUNK = 1 << 16
_TIMEOUT = 30.0  # seconds without a byte
_ATTEMPTS = 4  # per mirror; all but the first need an earlier one to have got something


class DownloadError(OSError):
    """No mirror delivered the file. The message gives each mirror's reason."""


def fetch(
    urls: Sequence[str],
    destination: Path,
    *,
    verify: Callable[[Path], object],
    max_bytes: int = 1 << 28,
) -> None:
    """Download a file to `destination` from the first of `urls` that delivers it.

    The bytes go to `destination` + ".part", which a later call resumes. `destination` itself
    appears only complete and verified. Every mirror must serve the same bytes; where they differ,
    or where two processes wrote to one ".part", verifying fails and the download starts afresh.

    Args:
        urls: http or https addresses of the file, in order of preference.
        destination: where to put it; its folder is created.
        verify: called with the path of the complete download; raises DataFileError to refuse it.
        max_bytes: the most bytes to accept.

    Raises:
        DownloadError: no mirror delivered a file that `verify` accepts.
        OSError: `destination` cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     try:
        ...         fetch(["http://127.0.0.1:1/a.gz"], Path(folder) / "a.gz", verify=print)
        ...     except DownloadError as error:
        ...         print(error)
        could not download a.gz: ...refused (127.0.0.1:1). Call again when online ...
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    part = destination.with_name(destination.name + ".part")
    reasons: dict[str, list[str]] = {}  # and the mirrors that gave each
    for url in urls:
        try:
            _fetch_from(url, part, verify, max_bytes)
        except (OSError, DataFileError) as reason:
            reasons.setdefault(_told(reason), []).append(url.split("/")[2])
        else:
            part.replace(destination)
            return
    told = "; ".join(f"{why} ({', '.join(hosts)})" for why, hosts in reasons.items())
    raise DownloadError(
        f"could not download {destination.name}: {told or 'no mirror given'}. "
        f"Call again when online (what has arrived is kept), or put the file at {destination}."
    )


def _told(problem: Exception) -> str:
    """What went wrong, without the error number and brackets that a URLError puts around it."""
    inner = getattr(problem, "reason", None)
    problem = inner if isinstance(inner, Exception) else problem
    return getattr(problem, "strerror", None) or str(problem)


def _fetch_from(url: str, part: Path, verify: Callable[[Path], object], max_bytes: int) -> None:
    """Fill `part` from one mirror, asking again for as long as that makes progress."""
    for attempts_left in reversed(range(_ATTEMPTS)):
        start = _size(part)
        try:
            _download(url, part, max_bytes)
            verify(part)
            return
        except DataFileError:
            part.unlink(missing_ok=True)
            # From byte 0 it was this mirror's own fault; otherwise the old beginning may be.
            if start == 0 or not attempts_left:
                raise
        except OSError:
            if _size(part) <= start or not attempts_left:
                raise


def _download(url: str, part: Path, max_bytes: int) -> None:
    """Append to `part` what it still lacks, or start it again if the mirror cannot resume."""
    start = _size(part)
    with _request(url, start) as response:
        if response is None:
            return  # nothing is left to send; verifying tells whether that is right
        resumed = response.status == HTTPStatus.PARTIAL_CONTENT
        content_range = response.headers.get("Content-Range", "")
        if resumed and not content_range.startswith(f"bytes {start}-"):
            raise OSError(f"asked for the bytes from {start}, was sent {content_range!r}")
        received = start if resumed else 0
        total = None if response.length is None else received + response.length
        with part.open("ab" if resumed else "wb") as file:
            while chunk := response.read(_CHUNK):
                received += len(chunk)
                if received > max_bytes:
                    raise DataFileError(f"expected at most {max_bytes} bytes, was sent more")
                file.write(chunk)
    # http.client reports a connection cut in mid-body as an ordinary end.
    if total is not None and received != total:
        raise ConnectionError(f"the connection was cut after {received} of {total} bytes")


@contextmanager
def _request(url: str, start: int) -> Iterator[HTTPResponse | None]:
    """The response with the bytes from `start` on, or None if there are none."""
    # Here rather than above: urllib takes longer to import than the rest of this package.
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    headers = {"User-Agent": "tinygrad_lite"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        with urlopen(Request(url, headers=headers), timeout=_TIMEOUT) as response:
            yield response
    except HTTPError as error:
        error.close()
        if not start or error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        yield None
    except HTTPException as problem:
        raise OSError(f"the server broke the HTTP protocol: {problem!r}") from None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
