"""The sandbox's reader of multipart bodies, over any content and any cut."""

from hypothesis import given
from hypothesis import strategies as st

from migration_sandbox.serving.multipart import Part, Reader


@given(
    contents=st.lists(
        st.lists(st.sampled_from([b"\r\n", b"--", b"b", b"\r", b"x"])).map(b"".join), max_size=3
    ),
    size=st.integers(1, 30),
)
def test_a_multipart_body_is_read_however_it_is_cut(contents: list[bytes], size: int) -> None:
    head = b'\r\nContent-Disposition: form-data; name="n%d"; filename="f"\r\n\r\n'
    # A content can't hold its own boundary.
    contents = [content for content in contents if b"\r\n--b" not in b"\r\n" + content]
    body = (
        b"".join(b"--b" + head % n + content + b"\r\n" for n, content in enumerate(contents)) + b"--b--\r\n"
    )
    reader = Reader(b"b", ValueError)
    found: list[bytes] = []
    for at in range(0, len(body), size):
        for item in reader.feed(body[at : at + size]):
            if isinstance(item, Part):
                found.append(b"")
            else:
                found[-1] += item
    assert (found, reader.ended) == (contents, True)
