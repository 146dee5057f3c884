"""The pictures of the gallery can be made again."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from PIL import Image

GALLERY = Path(__file__).parents[2] / "docs" / "gallery"


def test_pictures_are_made(tmp_path: Path) -> None:
    spec = spec_from_file_location("pictures", GALLERY / "pictures.py")
    assert spec is not None
    assert spec.loader is not None
    pictures = module_from_spec(spec)
    spec.loader.exec_module(pictures)
    for make, size in (
        (pictures.generated, (6 * 64 + 20, 5 * 48 + 16)),
        (pictures.filtered, (4 * 64 + 12, 3 * 48 + 8)),
    ):
        with Image.open(make(tmp_path, size=(48, 64))) as picture:
            assert picture.size == size
            assert len(picture.getcolors(10**6) or ()) > 100


def test_every_picture_of_the_gallery_is_shown() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in GALLERY.parent.rglob("*.md"))
    for path in GALLERY.glob("*.*"):
        if path.suffix in (".png", ".gif", ".webp", ".mp4"):
            assert path.name in pages, f"no page shows {path.name}"
