#!/usr/bin/env python3
"""Makes stock.xlsx, .xlsm, .xlsb, .xls, .ods, epoch-1904.xlsx and really-xlsx.xls: one small table in every format.

Needs openpyxl and xlwt. The ods and the xlsb are written here byte by byte: their parts are what ODF 1.2 and [MS-XLSB]
ask for and no more. What an import of each must give is in README.md, worked out by hand from the list below.
"""
import datetime as dt
import io
import os
import struct
import zipfile

import openpyxl
import xlwt
from openpyxl.utils.datetime import CALENDAR_MAC_1904

os.chdir(os.path.dirname(os.path.abspath(__file__)))

TOP, LEFT = 2, 1  # the header begins in B3
HEADER = ["Item", "Count", "Weight", "Price", "Code", "Ref", "Lot", "Day", "Seen At", "Opens", "Took", "Active",
          "Ratio", "Note"]
ERRORS = {"#DIV/0!": 0x07, "#N/A": 0x2A}


class Error(str):
    pass


D, S, T, L = dt.date, dt.datetime, dt.time, dt.timedelta
ROWS = {  # by row below the header; row 3 is blank
    1: ["Žluťoučký kůň", 1, 0.5, 12.5, 42, "007", "123", D(2024, 2, 29), S(2024, 2, 29, 13, 45, 30), T(8, 30),
        L(hours=26, minutes=15), True, 0.25, None],
    2: ["数据 😀 & <b>", -2, 1.25, 0.1, 7, "000", "1e5", D(1999, 12, 31), S(1999, 12, 31, 23, 59, 59),
        T(23, 59, 59), L(minutes=45), False, Error("#DIV/0!"), "two\nlines"],
    4: ["  spaced  ", 9007199254740991, -3.0, 1234567.89, 99999, "0012", "-5", D(1900, 3, 1), S(2000, 1, 1), T(0, 0),
        L(hours=100), True, Error("#N/A"), None],
    5: [None, None, 1e-7, None, None, "x", None, None, None, None, None, None, 2, "last"],
}
FORMATS = {3: "0.00", 4: "00000", 7: "yyyy-mm-dd", 8: "yyyy-mm-dd hh:mm:ss", 9: "hh:mm:ss", 10: "[h]:mm"}


def cells():
    for column, title in enumerate(HEADER):
        yield TOP, LEFT + column, column, title
    for row, values in ROWS.items():
        for column, value in enumerate(values):
            if value is not None:
                yield TOP + row, LEFT + column, column, value


def serial(value, epoch=dt.datetime(1899, 12, 30)):
    if isinstance(value, dt.datetime):
        return (value - epoch) / dt.timedelta(days=1)
    if isinstance(value, dt.date):
        return float((value - epoch.date()).days)
    if isinstance(value, dt.time):
        return (value.hour * 3600 + value.minute * 60 + value.second) / 86400
    if isinstance(value, dt.timedelta):
        return value / dt.timedelta(days=1)
    return value


def make_xlsx():
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Stock"
    for row, column, kind, value in cells():
        cell = sheet.cell(row + 1, column + 1)
        if isinstance(value, Error):
            cell.value, cell.data_type = str(value), "e"
        else:
            cell.value = serial(value)
        if row > TOP and kind in FORMATS:
            cell.number_format = FORMATS[kind]
    book.save("stock.xlsx")
    with zipfile.ZipFile("stock.xlsx") as source, zipfile.ZipFile("stock.xlsm", "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(
                b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
                b"application/vnd.ms-excel.sheet.macroEnabled.main+xml"))


def make_epoch_1904():
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    sheet = book.active
    sheet.title = "Days"
    for row in [["Day", "Moment", "Took"], [0, 1.5, 1.25], [1462, 36526.75, 0.5]]:
        sheet.append(row)
    for row in (2, 3):
        for column, code in enumerate(["yyyy-mm-dd", "yyyy-mm-dd hh:mm", "[h]:mm"], 1):
            sheet.cell(row, column).number_format = code
    book.save("epoch-1904.xlsx")


def make_really_xlsx():
    book = openpyxl.Workbook()
    book.active.append(["Name", "Size"])
    book.active.append(["ä", 1])
    data = io.BytesIO()
    book.save(data)
    with open("really-xlsx.xls", "wb") as file:
        file.write(data.getvalue())


def make_xls():
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("Stock")
    plain = xlwt.XFStyle()
    styles = {kind: xlwt.easyxf(num_format_str=code) for kind, code in FORMATS.items()}
    for row, column, kind, value in cells():
        style = styles.get(kind, plain) if row > TOP else plain
        if isinstance(value, Error):
            sheet.row(row).set_cell_error(column, ERRORS[value], style)
        elif isinstance(value, bool):
            sheet.row(row).set_cell_boolean(column, value, style)
        else:
            sheet.write(row, column, serial(value), style)
    book.save("stock.xls")


# [MS-XLSB] 2.1.4: a type and a length of seven bits a byte, then the body.
def record(kind, body=b""):
    head = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size, length = len(body), b""
    while size >= 0x80:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return head + length + bytes([size]) + body


def wide(text):
    units = text.encode("utf-16-le")
    return struct.pack("<I", len(units) // 2) + units


def xlsb_sheet(strings, style_of):
    out = record(0x81) + record(0x94, struct.pack("<4I", TOP, TOP + 5, LEFT, LEFT + len(HEADER) - 1)) + record(0x91)
    current = None
    for row, column, kind, value in cells():
        if row != current:
            current = row
            out += record(0x00, struct.pack("<IIHBBBI", row, 0, 300, 0, 0, 0, 0))
        head = struct.pack("<II", column, style_of.get(kind, 0) if row > TOP else 0)
        value = serial(value)
        if isinstance(value, Error):
            out += record(0x03, head + bytes([ERRORS[value]]))
        elif isinstance(value, bool):
            out += record(0x04, head + bytes([value]))
        elif isinstance(value, str) and kind == 13:
            out += record(0x06, head + wide(value))  # a text in the cell
        elif isinstance(value, str):
            if value not in strings:
                strings.append(value)
            out += record(0x07, head + struct.pack("<I", strings.index(value)))
        elif value == int(value) and abs(value) < 1 << 29:
            out += record(0x02, head + struct.pack("<i", int(value) << 2 | 2))  # RK: a whole number
        elif kind == 3 and round(value * 100) / 100 == value:
            out += record(0x02, head + struct.pack("<i", round(value * 100) << 2 | 3))  # RK: hundredths
        else:
            out += record(0x05, head + struct.pack("<d", value))
    return out + record(0x92) + record(0x82)


def make_xlsb():
    strings = []
    kinds = sorted(FORMATS)
    sheet = xlsb_sheet(strings, {kind: index + 1 for index, kind in enumerate(kinds)})
    xf = lambda code: record(0x2F, struct.pack("<HHHHHBBHH", 0, code, 0, 0, 0, 0, 0, 0, 0))
    styles = (record(0x116) + record(0x267, struct.pack("<I", len(kinds)))
              + b"".join(record(0x2C, struct.pack("<H", 164 + kind) + wide(FORMATS[kind])) for kind in kinds)
              + record(0x268) + record(0x269, struct.pack("<I", len(kinds) + 1)) + xf(0)
              + b"".join(xf(164 + kind) for kind in kinds) + record(0x26A) + record(0x117))
    table = (record(0x9F, struct.pack("<II", len(strings), len(strings)))
             + b"".join(record(0x13, b"\0" + wide(text)) for text in strings) + record(0xA0))
    book = (record(0x83) + record(0x99, struct.pack("<II", 0, 0) + wide("")) + record(0x8F)
            + record(0x9C, struct.pack("<II", 0, 1) + wide("rId1") + wide("Stock")) + record(0x90) + record(0x84))
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    xml = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    related = lambda parts: xml + f'<Relationships xmlns="{package}">' + "".join(
        f'<Relationship Id="rId{i}" Type="{office}/{kind}" Target="{part}"/>'
        for i, (kind, part) in enumerate(parts, 1)) + "</Relationships>"
    parts = {
        "[Content_Types].xml": xml + f'<Types xmlns="{types}"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="bin" '
        'ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>' + "".join(
            f'<Override PartName="/xl/{part}.bin" ContentType="application/vnd.ms-excel.{kind}"/>'
            for part, kind in [("worksheets/sheet1", "worksheet"), ("styles", "styles"),
                               ("sharedStrings", "sharedStrings")]) + "</Types>",
        "_rels/.rels": related([("officeDocument", "xl/workbook.bin")]),
        "xl/workbook.bin": book,
        "xl/_rels/workbook.bin.rels": related([("worksheet", "worksheets/sheet1.bin"), ("styles", "styles.bin"),
                                               ("sharedStrings", "sharedStrings.bin")]),
        "xl/worksheets/sheet1.bin": sheet,
        "xl/styles.bin": styles,
        "xl/sharedStrings.bin": table,
    }
    with zipfile.ZipFile("stock.xlsb", "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in parts.items():
            target.writestr(name, data)


def ods_text(text):
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("  ", '<text:s text:c="2"/>')
    return "".join(f"<text:p>{line}</text:p>" for line in text.split("\n"))


def ods_cell(value):
    if isinstance(value, Error):
        formula = {"#DIV/0!": "of:=1/0", "#N/A": "of:=NA()"}[value]
        return (f'<table:table-cell table:formula="{formula}" office:value-type="string" office:string-value="" '
                f'calcext:value-type="error"><text:p>{value}</text:p></table:table-cell>')
    if isinstance(value, bool):
        kind, stored, shown = "boolean", f'boolean-value="{str(value).lower()}"', str(value).upper()
    elif isinstance(value, dt.datetime):
        kind, stored, shown = "date", f'date-value="{value.isoformat()}"', str(value)
    elif isinstance(value, dt.date):
        kind, stored, shown = "date", f'date-value="{value.isoformat()}"', str(value)
    elif isinstance(value, (dt.time, dt.timedelta)):
        seconds = round(serial(value) * 86400)
        period = f"PT{seconds // 3600:02}H{seconds // 60 % 60:02}M{seconds % 60:02}S"
        kind, stored, shown = "time", f'time-value="{period}"', f"{seconds // 3600}:{seconds // 60 % 60:02}"
    elif isinstance(value, str):
        return f'<table:table-cell office:value-type="string">{ods_text(value)}</table:table-cell>'
    else:
        kind, stored, shown = "float", f'value="{value!r}"', value
    return (f'<table:table-cell office:value-type="{kind}" office:{stored}><text:p>{shown}</text:p>'
            "</table:table-cell>")


def make_ods():
    spaces = {
        "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
        "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
        "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
        "calcext": "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0",
    }
    empty = lambda n: f'<table:table-cell table:number-columns-repeated="{n}"/>' if n else ""
    blank = lambda n: f'<table:table-row table:number-rows-repeated="{n}">{empty(1024)}</table:table-row>'
    line = lambda values: ("<table:table-row>" + empty(LEFT)
                           + "".join(empty(1) if v is None else ods_cell(v) for v in values)
                           + empty(1024 - LEFT - len(values)) + "</table:table-row>")
    rows = blank(TOP) + line(HEADER) + "".join(line(ROWS[row]) if row in ROWS else blank(1) for row in range(1, 6))
    content = ('<?xml version="1.0" encoding="UTF-8"?>\n<office:document-content '
               + " ".join(f'xmlns:{name}="{uri}"' for name, uri in spaces.items())
               + ' office:version="1.2"><office:body><office:spreadsheet><table:table table:name="Stock">'
               + f'<table:table-column table:number-columns-repeated="1024"/>{rows}{blank(1048568)}'
               + "</table:table></office:spreadsheet></office:body></office:document-content>")
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = ('<?xml version="1.0" encoding="UTF-8"?>\n<manifest:manifest '
                'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">'
                f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
                '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
                "</manifest:manifest>")
    with zipfile.ZipFile("stock.ods", "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("mimetype", kind, zipfile.ZIP_STORED)
        target.writestr("content.xml", content)
        target.writestr("META-INF/manifest.xml", manifest)


make_xlsx()
make_epoch_1904()
make_really_xlsx()
make_xls()
make_xlsb()
make_ods()
