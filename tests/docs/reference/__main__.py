"""`make reference`: write every page that is made from the code, and let go of those that are made no more."""

import sys

from tests.docs.reference.pages import DOCS, NAV, stale, wanted

for path, text in wanted().items():
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
        print(f"Wrote {path.relative_to(DOCS.parent)}", file=sys.stderr)
for path in stale():
    path.unlink()
    print(f"Removed {path.relative_to(DOCS.parent)}", file=sys.stderr)
print(f"{NAV.name} and docs/reference are what the code says.", file=sys.stderr)
