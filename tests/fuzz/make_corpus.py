#!/usr/bin/env python3
"""Makes the seeds of the corpora from sample_data; finds, which have names of their own, stay as they are.

A package becomes its parts, each behind a line "#part NAME", so that a changed byte changes a part and not a checksum.
"""
import json
import pathlib
import struct
import zipfile

HERE = pathlib.Path(__file__).parent
SAMPLES = HERE.parent.parent / "sample_data"
LARGEST = 40_000


def save(target, name, content):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def parts(path, options=None):
    made = []
    with zipfile.ZipFile(path) as package:
        for part in package.infolist():
            # What no reader looks at.
            if any(word in part.filename for word in ("theme", "docProps", "printerSettings", "vbaProject")):
                continue
            made.append(b"#part " + part.filename.encode() + b"\n" + package.read(part))
    if options:
        made.append(b"#part options\n" + json.dumps(options).encode())
    return b"\n".join(made)


def workbooks():
    for path in sorted(SAMPLES.iterdir()):
        if path.stat().st_size > LARGEST:
            continue
        target = {".xlsx": "reader_xlsx", ".xlsm": "reader_xlsx", ".xlsb": "reader_xlsb", ".xls": "reader_xls",
                  ".ods": "reader_ods"}.get(path.suffix)
        if not target:
            continue
        if zipfile.is_zipfile(path):
            save("reader_xlsx" if path.suffix == ".xls" else target, path.stem + "-parts", parts(path))
        else:
            # A password that is hashed as often as real ones would take all of the time.
            quick = path.read_bytes().replace(b'spinCount="100000"', b'spinCount="000001"')
            if path.stem != "encrypted" or quick != path.read_bytes():
                save(target, path.stem, quick)
    for suffix in ("xlsx", "xlsb", "ods"):
        save(f"reader_{suffix}", "zip", (SAMPLES / f"stock.{suffix}").read_bytes())
    named = {"area": {"named": "Prices"}, "sheets": {"matching": ["*"]}}
    cells = {"area": {"range": "B2:D4"}, "header": "2-3", "hidden": "skip", "merged": "fill"}
    for name, options in (("named", named), ("cells", cells)):
        save("reader_xlsx", f"ranges-{name}", parts(SAMPLES / "ranges.xlsx", options))
        save("reader_xlsb", f"stock-{name}", parts(SAMPLES / "stock.xlsb", options))
        save("reader_ods", f"stock-{name}", parts(SAMPLES / "stock.ods", options))


def rows_out_of_order():
    cell = lambda row: f'<row r="{row}"><c r="A{row}"><v>{row}</v></c></row>'
    sheet = lambda rows: ('<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
                          + "".join(map(cell, rows)) + "</sheetData></worksheet>")
    with zipfile.ZipFile(SAMPLES / "blank-rows.xlsx") as package:
        names = [part.filename for part in package.infolist()]
        the_sheet = next(name for name in names if "worksheets/" in name)
        for name, rows in (("back", [1, 2, 3, 4, 3]), ("first", [5, 1, 2]), ("many", [*range(1, 40), 20, 41])):
            made = [b"#part " + part.encode() + b"\n" + (sheet(rows).encode() if part == the_sheet else package.read(part))
                    for part in names]
            save("reader_xlsx", f"order-{name}", b"\n".join(made))


def biff(kind, body=b""):
    return struct.pack("<HH", kind, len(body)) + body


def stream_of(path):
    """The stream of the one workbook in a compound file, whose sectors follow each other in all samples."""
    data = path.read_bytes()
    first = struct.unpack_from("<I", data, 48)[0]
    for at in range(512 * (first + 1), 512 * (first + 2), 128):
        name = data[at:at + 64].decode("utf-16-le").rstrip("\0")
        if name in ("Workbook", "Book"):
            start, size = struct.unpack_from("<II", data, at + 116)
            return data[512 * (start + 1):512 * (start + 1) + size].rstrip(b"\0") + b"\0\0\0"
    raise ValueError(path)


def old_sheets():
    """Sheets of BIFF2 to 4, which have no workbook around them."""
    number = struct.pack("<d", 45_292.25)
    for version, kind in ((2, 0x09), (3, 0x209), (4, 0x409)):
        kinds = (0x04, 0x03, 0x1E) if version == 2 else (0x204, 0x203, 0x1E if version == 3 else 0x41E)
        head = lambda row, column: struct.pack("<HH", row, column) + (b"\0\0\0" if version == 2 else b"\0\0")
        length = "<B" if version == 2 else "<H"
        code = b"yyyy-mm-dd"
        sheet = biff(kind, struct.pack("<HHH", 0x200 * (version > 2), 0x10, 0)[:4 if version == 2 else 6])
        sheet += biff(0x42, struct.pack("<H", 1252))
        sheet += biff(kinds[2], (b"\0\0" if version == 4 else b"") + bytes([len(code)]) + code)
        for column, title in enumerate((b"Day", b"Caf\xe9")):
            sheet += biff(kinds[0], head(0, column) + struct.pack(length, len(title)) + title)
        sheet += biff(kinds[1], head(1, 0) + number) + biff(kinds[1], head(1, 1) + struct.pack("<d", -0.5))
        save("reader_xls", f"biff{version}", sheet + biff(0x0A))


def streams():
    for path in sorted(SAMPLES.glob("*.xls")):
        if not zipfile.is_zipfile(path):
            save("reader_xls", path.stem + "-stream", stream_of(path))


def number_formats():
    codes = ["General", "0", "0.00", "#,##0.00_);[Red](#,##0.00)", "0%", "0.00E+00", "# ??/??", "mm-dd-yy",
             "[$-409]h:mm:ss AM/PM", "[h]:mm:ss.00", "mmss.0", "00000", "[<=99999]00000;00000-0000", "@",
             "000\\-00\\-0000", "\"Nr. \"0000", "[$€-407] #,##0.00", "[=0]?;[hh]:mm", "[<0]\"\";0%", "yyyy\"年\"m\"月\"d\"日\"",
             "[DBNum1][$-804]yyyy/m/d", "ggge\"年\"", "_(* #,##0.00_);_(* \\(#,##0.00\\);_(* \"-\"??_);_(@_)", "date",
             "Standard", "[>=1e15]0;[>5]00", "0.0,,\"M\"", "[Color 56]0", "[$-F800]dddd\\, mmmm dd\\, yyyy", "\"", "[", "\\",
             "0;;;", ";;;"]
    for index, code in enumerate(codes):
        save("number_format", f"code-{index:02}", struct.pack("<d", index * 1234.5 - 60) + code.encode())


def plans():
    full = {
        "file": "data/prices.xlsx",
        "read": {"sheets": {"matching": ["Sales *", "-1"]}, "area": {"range": "A3:F200"}, "header": "2-3",
                 "hidden": "skip", "merged": "fill", "reader": "own"},
        "several": "union", "table": {"schema": "shop", "table": "prices"}, "types": "text", "lineage": "columns",
        "mode": "concurrent", "workers": 4, "batch_rows": 500, "if_exists": "replace", "on_error": "abort",
        "on_cell_error": "reject",
        "text_rules": {"null_words": ["n/a", "-"], "trim": True, "decimal_comma": True, "date_format": "DD.MM.YYYY",
                       "true_words": ["ja"], "false_words": ["nein"]},
        "mapping": {"specs": ["Unit Price=price:numeric(10,2)", "-Notes", "C=:timestamptz(3)"], "extra": "add",
                    "names": "as_is"},
        "infer_rows": 1000,
    }
    save("plan", "document-full", json.dumps(full))
    save("plan", "document-least", '{"file":"a"}')
    for name, more in (("path", {"file": {"percent_encoded": "caf%E9%2Exlsx"}}), ("all", {"read": {"sheets": "all"}}),
                       ("named", {"read": {"area": {"named": "Prices"}, "header": "auto"}}),
                       ("each", {"table": {"table": "x_{sheet}"}, "read": {"sheets": "all"}}),
                       ("commits", {"commit": "batch", "upsert": {"key": ["a", "b"], "on_conflict": "ignore"},
                                    "max_errors": "2.5%", "rejects": {"file": "rejects.csv"}, "ledger": "none",
                                    "same_file": "again", "verify": "totals", "rehearsal": "dry_run",
                                    "patience": {"retry_for": {"secs": 5, "nanos": 0}}}),
                       ("unknown", {"password": "x"}), ("zero", {"workers": 0})):
        save("plan", f"document-{name}", json.dumps({"file": "a.xlsx"} | more))
    save("plan", "types", "int\nnumeric(10,-2)\ntimestamp(3) with time zone\nvarchar(20)[]\nmy_schema.\"Mo\"\"od\"\n"
                          "double precision\nbit varying(3)\nvector(3)\ntime(6)\nCHARACTER VARYING (5)\n")
    save("plan", "columns", "Price=price\nPrice=price:numeric(10,2)\nPrice=:numeric\n-Notes\n\\-5 °C=cold\na\\=b=c\na\\\\b=c\n"
                            "\"a=b:c\"=d\nx=\"a:b\":text\n3\" pipes=pipes\n-\"-x\"\n")
    save("plan", "ranges", "A3:F200\n$b$2:$D$4\nB:D\n3:20\nC17\nXFD1048576\n1-3\n7\nauto\nnone\n-1\nSales *\n")
    save("plan", "dates", "DD.MM.YYYY\n%d.%m.%Y %H:%M\nm/d/yy h:mm:ss AM/PM\nYYYY年MM月DD日\nDD. \"im\" MM YYYY\n%F %T\n"
                          "DDDD, MMMM D, YYYY\n%-m/%-d/%y\nYYYY-MM-DDTHH24:MI:SS.MS\n")
    save("plan", "tables", "orders\nshop.Orders\n\"a.b\".\"c\"\"d\"\n\"select\"\n\"\"\na.b.c\n")


def copy_rows():
    kinds = 15
    texts = [b"plain", b"tab\tline\nreturn\rslash\\", "größe".encode(), b"12.5", b"-1.234,50", b"1e-30", b"0." + b"123456789" * 4, b"-" + b"98765" * 9 + b"e-12", b"2024-01-31",
             b"31.01.2024", b"13:05:09.5", b"PT12H30M", b"true", b"0001", b"9223372036854775808",
             b"550e8400-e29b-41d4-a716-446655440000", b"-", b""]
    for name, kind, flags in [("kind", kind, 0) for kind in range(kinds)] + [("rules", kind, 31) for kind in range(1, 11)]:
        # Two columns of the kind and one of text, without limits; flags; then rows of texts.
        made = bytearray([2]) + bytes([kind, 0, 0, kind, 0, 0, 7, 0, 0]) + bytes([flags])
        for tag in (4, 5):
            for text in texts:
                cell = bytes([len(text)]) + text
                made += bytes([tag]) + cell + bytes([tag]) + cell + bytes([4]) + cell
        save("copy_encoder", f"{name}-{kind:02}", bytes(made))
    for kind in range(kinds):
        # One column, and values of it.
        made = bytearray([0, kind, 0, 0, 0])
        for index in range(12):
            made += bytes([7]) + b"".join(struct.pack("<q", (index - 5) * 11**(index + part)) for part in range(3))[:17]
        save("copy_encoder", f"values-{kind:02}", bytes(made))
    cells = bytearray([5]) + bytes([0, 0, 0, 3, 0, 0, 6, 0, 0, 8, 0, 0, 10, 0, 0, 7, 0, 0]) + bytes([0])
    for value in (0.0, 1.0, -1.5, 45292.25, 0.1 + 0.2, 1e300, float("nan")):
        for form in range(6):
            cells += bytes([2]) + struct.pack("<d", value) + bytes([form])
    save("copy_encoder", "numbers", bytes(cells))
    limits = bytearray([3]) + bytes([7, 1, 3, 0, 6, 2, 5, 102, 0, 10, 3, 0, 0, 7, 1, 2, 1]) + bytes([4])
    for text in texts:
        limits += (bytes([4, len(text)]) + text) * 4
    save("copy_encoder", "limits", bytes(limits))


workbooks()
rows_out_of_order()
streams()
old_sheets()
number_formats()
plans()
copy_rows()
