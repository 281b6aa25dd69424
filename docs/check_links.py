"""Checks that each relative link of built pages leads to a file and an anchor.

    python docs/check_links.py docs/_build/html

Prints broken links; the exit code is 1 if there are any.
"""

from __future__ import annotations

import html.parser
import pathlib
import sys
import urllib.parse


class _Page(html.parser.HTMLParser):
    """Collects the links and anchors of a page."""

    def __init__(self, path: pathlib.Path):
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Adds the link and the anchor of a tag."""
        values = {name: value for name, value in attrs if value}
        if tag in ("a", "img", "link", "script"):
            self.links += [values[name] for name in ("href", "src") if name in values]
        self.anchors.update(values[name] for name in ("id", "name") if name in values)


def broken(folder: pathlib.Path) -> list[str]:
    """Returns the broken links of all pages in a folder, with their pages."""
    pages = {path.resolve(): _Page(path) for path in sorted(folder.rglob("*.html"))}
    if not pages:
        return [f"{folder} holds no pages"]
    return [
        f"{path.relative_to(folder.resolve())}: {link}"
        for path, page in pages.items()
        for link in page.links
        if not _resolves(path, link, pages)
    ]


def _resolves(path: pathlib.Path, link: str, pages: dict[pathlib.Path, _Page]) -> bool:
    url = urllib.parse.urlsplit(link)
    if url.scheme or url.netloc:
        return True
    target = path
    if url.path:
        target = (path.parent / urllib.parse.unquote(url.path)).resolve()
    if not target.is_file():
        return False
    anchor = urllib.parse.unquote(url.fragment)
    return not anchor or target not in pages or anchor in pages[target].anchors


def main() -> None:
    """Checks a folder."""
    problems = broken(pathlib.Path(sys.argv[1]))
    print("\n".join(problems) or "all internal links resolve")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
