"""PDFs made by hand: pages with lines of text, a title, an outline."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["pdf_file"]


def pdf_file(
    pages: Sequence[Sequence[str]],
    *,
    title: str = "",
    outline: Sequence[tuple[str, int]] = (),
) -> bytes:
    """Write a PDF; ``outline`` names headings and their pages, counted from 0."""
    first = 6 + len(outline)
    kids = " ".join(f"{first + 2 * at} 0 R" for at in range(len(pages)))
    last = 5 + len(outline)
    objects = [
        "<< /Type /Catalog /Pages 2 0 R" + (" /Outlines 5 0 R >>" if outline else " >>"),
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Title ({title}) >>",
        f"<< /Type /Outlines /First 6 0 R /Last {last} 0 R /Count {len(outline)} >>",
    ]
    for at, (name, page) in enumerate(outline):
        following = f" /Next {7 + at} 0 R" if at + 1 < len(outline) else ""
        objects.append(
            f"<< /Title ({name}) /Parent 5 0 R /Dest [{first + 2 * page} 0 R /Fit]{following} >>"
        )
    for at, lines in enumerate(pages):
        drawn = " ".join(f"({line}) Tj T*" for line in lines)
        text = f"BT /F1 12 Tf 14 TL 72 720 Td {drawn} ET"
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {first + 2 * at + 1} 0 R >>"
        )
        objects.append(f"<< /Length {len(text)} >>\nstream\n{text}\nendstream")
    return _file(objects)


def _file(objects: Sequence[str]) -> bytes:
    data = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    start = len(data)
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    data += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
    trailer = f"<< /Size {len(objects) + 1} /Root 1 0 R /Info 4 0 R >>"
    data += f"trailer\n{trailer}\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(data)
