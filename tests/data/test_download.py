"""Downloads, from a server on this machine that misbehaves as told."""

import re
import shutil
from pathlib import Path

import pytest

from tinygrad_lite.data import DataFileError, DownloadError, load_mnist
from tinygrad_lite.data.download import fetch

REAL = Path(__file__).parents[2] / "examples" / "digits" / "data"
CONTENT = bytes(range(256)) * 400
NAME = "file.gz"


@pytest.fixture
def target(tmp_path):
    return tmp_path / "cache" / NAME


def part_of(target):
    return target.with_name(f"{NAME}.part")


def leave_part(target, content):
    target.parent.mkdir()
    part_of(target).write_bytes(content)


def verify(path):
    if path.read_bytes() != CONTENT:
        raise DataFileError("expected the content, found something else")


def test_a_download_arrives_whole_and_leaves_no_part(serve, target):
    fetch([serve({NAME: CONTENT}).url], target, verify=verify)
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


def test_a_cut_connection_is_resumed_where_it_was_cut(serve, target):
    mirror = serve({NAME: CONTENT})
    mirror.cuts = [1000, 500]
    fetch([mirror.url], target, verify=verify)
    assert mirror.asked == [0, 1000, 1500]
    assert target.read_bytes() == CONTENT


def test_a_later_call_resumes_what_an_earlier_one_left(serve, target):
    mirror = serve({NAME: CONTENT})
    mirror.cuts = [700, 0]
    with pytest.raises(DownloadError, match=f"cut after 700 of {len(CONTENT)} bytes"):
        fetch([mirror.url], target, verify=verify)
    assert not target.exists()
    assert part_of(target).read_bytes() == CONTENT[:700]

    fetch([mirror.url], target, verify=verify)
    assert mirror.asked == [0, 700, 700]
    assert target.read_bytes() == CONTENT


def test_another_mirror_goes_on_where_the_first_stopped(serve, target):
    first, second = serve({NAME: CONTENT}), serve({NAME: CONTENT})
    first.cuts = [900, 0]
    fetch([first.url, second.url], target, verify=verify)
    assert second.asked == [900]
    assert target.read_bytes() == CONTENT


def test_a_server_without_ranges_starts_again(serve, target):
    mirror = serve({NAME: CONTENT})
    mirror.ranges = False
    leave_part(target, CONTENT[:900])
    fetch([mirror.url], target, verify=verify)
    assert mirror.asked == [900]
    assert target.read_bytes() == CONTENT


def test_a_part_that_was_complete_already_is_taken(serve, target):
    mirror = serve({NAME: CONTENT})
    leave_part(target, CONTENT)
    fetch([mirror.url], target, verify=verify)
    assert mirror.asked == [len(CONTENT)]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("stale", [b"not the beginning", CONTENT + b"and more"])
def test_a_stale_part_is_thrown_away(serve, target, stale):
    mirror = serve({NAME: CONTENT})
    leave_part(target, stale)
    fetch([mirror.url], target, verify=verify)
    assert mirror.asked == [len(stale), 0]
    assert target.read_bytes() == CONTENT


def test_wrong_content_is_rejected_and_not_kept(serve, target):
    mirror = serve({NAME: b"<html>Please log in to the hotel's network</html>"})
    with pytest.raises(DownloadError, match=r"file\.gz: .*found something else"):
        fetch([mirror.url], target, verify=verify)
    assert mirror.asked == [0]
    assert list(target.parent.iterdir()) == []


def test_a_mirror_with_wrong_content_is_passed_over(serve, target):
    wrong, missing, right = serve({NAME: b"wrong"}), serve({}), serve({NAME: CONTENT})
    fetch([wrong.url, missing.url, right.url], target, verify=verify)
    assert target.read_bytes() == CONTENT


def test_more_than_allowed_is_refused(serve, target):
    mirror = serve({NAME: CONTENT})
    with pytest.raises(DownloadError, match="expected at most 1000 bytes, was sent more"):
        fetch([mirror.url], target, verify=verify, max_bytes=1000)
    assert list(target.parent.iterdir()) == []


def test_offline_is_one_line_with_every_mirrors_reason(serve, target):
    missing = serve({})
    nobody = "http://127.0.0.1:1/file.gz"  # port 1: nothing listens there
    with pytest.raises(DownloadError) as caught:
        fetch([nobody, missing.url], target, verify=verify)
    message = str(caught.value)
    assert "\n" not in message
    assert re.search(rf"could not download {NAME}: .*refused \(127\.0\.0\.1:1\); ", message)
    assert re.search(rf"HTTP Error 404.* \({missing.url.split('/')[2]}\)", message)
    assert f"put the file at {target}" in message


def test_load_mnist_downloads_once_what_is_missing(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    shutil.copy(REAL / "train-images-idx3-ubyte.gz", tmp_path / "mnist")
    mirror = serve({path.name: path.read_bytes() for path in REAL.glob("*.gz")})

    assert load_mnist(mirrors=[f"{mirror.folder}/"]).test_labels[0] == 7
    assert mirror.asked == [0, 0, 0]
    assert load_mnist(mirrors=[mirror.folder]).train_labels[0] == 5
    assert mirror.asked == [0, 0, 0]


def test_load_mnist_does_not_keep_a_file_with_the_wrong_hash(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path))
    other = (REAL / "t10k-images-idx3-ubyte.gz").read_bytes()
    mirror = serve({"train-images-idx3-ubyte.gz": other})
    with pytest.raises(DownloadError, match="expected 60000 x 28 x 28 uint8, found 10000 x"):
        load_mnist(mirrors=[mirror.folder])
    assert list((tmp_path / "mnist").iterdir()) == []
