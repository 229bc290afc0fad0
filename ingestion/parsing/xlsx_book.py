"""What a workbook says of its sheets: the part of each, and the formats of styles."""

from __future__ import annotations

from lxml import etree

from ingestion.parsing.ooxml import below, local_name, main_part, relations, value_of, whole
from ingestion.parsing.safe_zip import SafeArchive

_STYLES = "xl/styles.xml"
# Codes that a file need not spell out. Those of 14, 22 and the East Asian dates follow the reader's
# own country: their values are written as year, month and day.
BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: "$#,##0;-$#,##0", 6: "$#,##0;-$#,##0",
    7: "$#,##0.00;-$#,##0.00", 8: "$#,##0.00;-$#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00",
    12: "# ?/?", 13: "# ??/??", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)",
    39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;(#,##0.00)", 41: '#,##0;(#,##0);"-"',
    42: '$#,##0;$(#,##0);$"-"', 43: '#,##0.00;(#,##0.00);"-"', 44: '$#,##0.00;$(#,##0.00);$"-"',
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0",
}  # fmt: skip


def sheet_parts(archive: SafeArchive) -> dict[str, str]:
    """Names of the sheets to their parts."""
    main = main_part(archive, "xl/workbook.xml")
    if main not in archive:
        return {}
    known = relations(archive, main)
    parts = {}
    for sheet in below(archive.tree(main), "sheet"):
        identity = next((str(v) for k, v in sheet.attrib.items() if str(k).endswith("}id")), "")
        parts[value_of(sheet, "name")] = known.get(identity, ("", ""))[1]
    return parts


def formats_of(archive: SafeArchive) -> dict[int, str]:
    """Styles of cells to their format codes; those without one are left out."""
    if _STYLES not in archive:
        return {}
    root = archive.tree(_STYLES)
    codes = dict(BUILT_IN)
    for one in below(root, "numFmt"):
        codes[whole(value_of(one, "numFmtId"), -1)] = value_of(one, "formatCode")
    listed = (each for each in root.iterchildren(etree.Element) if local_name(each) == "cellXfs")
    styles = [one for each in listed for one in each if local_name(one) == "xf"]
    numbers = (whole(value_of(one, "numFmtId"), -1) for one in styles)
    return {at: codes[number] for at, number in enumerate(numbers) if number in codes}
