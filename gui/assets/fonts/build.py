#!/usr/bin/env python3
"""Makes the fonts in this folder smaller copies of their originals: only what the app draws is kept.

Subsetting Inter is not only about size: the full font has a monochrome glyph for some characters that should come in
colour from the system's emoji font (U+2764), so those must not be here.

Needs: pip install fonttools
       apt-get install fonts-inter-variable fonts-jetbrains-mono
       npm pack @phosphor-icons/web   (unpacked; its path is the first argument)
Usage: build.py PATH_TO_PHOSPHOR_PACKAGE
Writes the four .ttf files and prints the code points for gui/src/theme/icons.rs.
"""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
INTER = "/usr/share/fonts/truetype/inter-vf/Inter-roman.var.ttf"
MONO = "/usr/share/fonts/truetype/jetbrains-mono/JetBrainsMono-Regular.ttf"
# Latin with extensions, Greek, Cyrillic, punctuation, currency, arrows, a few marks.
TEXT = (
    "U+0020-007E,U+00A0-024F,U+0259,U+02BB-02BC,U+02C6-02DD,U+0300-0304,U+0306-030C,U+0327-0328,U+0370-03FF,"
    "U+0400-052F,U+1E00-1EFF,U+2010-2015,U+2018-2026,U+2030,U+2032-2033,U+2039-203A,U+2044,U+2070-208E,"
    "U+20A0-20BF,U+2116,U+2122,U+2190-2193,U+2212,U+2248,U+2260,U+2264-2265,U+25CF,U+2713,U+FFFD"
)


def subset(source, target, unicodes, features):
    subprocess.run(
        [
            "pyftsubset", source, f"--output-file={HERE / target}", f"--unicodes={unicodes}",
            f"--layout-features={features}", "--notdef-outline", "--no-hinting", "--desubroutinize",
        ],
        check=True,
    )


def main():
    phosphor = Path(sys.argv[1])
    subset(INTER, "Inter.ttf", TEXT, "kern,mark,mkmk,ccmp,locl,calt,tnum")
    subset(MONO, "JetBrainsMono.ttf", TEXT, "kern,mark,ccmp,locl")
    names = [n for n in (HERE / "icons.txt").read_text().splitlines() if n and not n.startswith("#")]
    css = (phosphor / "src/regular/style.css").read_text()
    points = dict(re.findall(r'\.ph\.ph-([a-z0-9-]+):before\s*\{\s*content:\s*"\\([0-9a-f]+)"', css))
    unicodes = ",".join(f"U+{points[n].upper()}" for n in names)
    subset(phosphor / "src/regular/Phosphor.ttf", "Phosphor.ttf", unicodes, "")
    subset(phosphor / "src/fill/Phosphor-Fill.ttf", "PhosphorFill.ttf", unicodes, "")
    for n in names:
        print(f"    ({n.replace('-', '_').upper()}, '\\u{{{points[n]}}}'),")


if __name__ == "__main__":
    main()
